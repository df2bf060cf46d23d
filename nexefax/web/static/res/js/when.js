/** @file Times as the reader's clock shows them, in the reader's zone and with the hours the reader is used to. */
import { make } from "./dom.js";
import { say } from "./say.js";

const language = document.documentElement.lang;
/** The words are in the page's language; a reader who has a kind of it (en-GB) gets that kind's order of day and month. */
const locale = navigator.languages.find((known) => known.split("-")[0] === language) ?? language;
const { hourCycle } = new Intl.DateTimeFormat(navigator.language, { hour: "numeric" }).resolvedOptions();

const CLOCK = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", hourCycle });
const DAY = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const DAY_OF_YEAR = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
const WEEKDAY = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
const WEEKDAY_OF_YEAR = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const FULL = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium", hourCycle });
const NEAR = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const PERCENT = new Intl.NumberFormat(locale, { style: "percent" });

/** @param {Date} date days since some day, in the reader's zone */
const dayNumber = (date) => Math.floor((date.getTime() - date.getTimezoneOffset() * 60_000) / 86_400_000);
/** @param {Date} date */
const daysAhead = (date) => dayNumber(date) - dayNumber(new Date());

/** @param {string} text an RFC 3339 time @returns {string} the day, to compare with others */
export const dayKey = (text) => String(dayNumber(new Date(text)));

/** The day as a heading: Today, Yesterday, Monday, 23 November. @param {string} text */
export function dayName(text) {
  const date = new Date(text);
  const ahead = daysAhead(date);
  if (Math.abs(ahead) <= 1) {
    const near = NEAR.format(ahead, "day");
    return near.charAt(0).toLocaleUpperCase(locale) + near.slice(1);
  }
  return (date.getFullYear() === new Date().getFullYear() ? WEEKDAY : WEEKDAY_OF_YEAR).format(date);
}

/** The time of day. @param {string} text */
export const clock = (text) => CLOCK.format(new Date(text));

/** 14:05 for today, else with its day. @param {string} text */
export function moment(text) {
  const date = new Date(text);
  const ahead = daysAhead(date);
  if (!ahead) return clock(text);
  if (Math.abs(ahead) === 1) return say("dayAndTime", { day: NEAR.format(ahead, "day"), time: clock(text) });
  const form = date.getFullYear() === new Date().getFullYear() ? DAY : DAY_OF_YEAR;
  return say("dayAndTime", { day: form.format(date), time: clock(text) });
}

/** The whole date and time, for those who want it exactly. @param {string} text */
export const full = (text) => FULL.format(new Date(text));

/** An element that shows a time. @param {string} text @param {(text: string) => string} [form] */
export function time(text, form = moment) {
  return make("time", { datetime: text, title: full(text) }, form(text));
}

/** @param {number} share 0 to 1 */
export const percent = (share) => PERCENT.format(share);

/** Milliseconds until the day ends here. */
export function untilMidnight() {
  const next = new Date();
  next.setHours(24, 0, 0, 50);
  return next.getTime() - Date.now();
}

/**
 * The beginning of a day in the reader's zone, as RFC 3339 in UTC; "" for what is no day.
 * @param {string} day as 2026-11-24
 * @param {number} [later] days later
 */
export function dayBegins(day, later = 0) {
  const [year, month, date] = day.split("-").map(Number);
  if (!year || !month || !date) return "";
  const begin = new Date(year, month - 1, date + later);
  return Number.isNaN(begin.getTime()) ? "" : begin.toISOString();
}
