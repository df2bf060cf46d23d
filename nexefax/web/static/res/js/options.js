/** @file How the fax goes out: with a cover page or without, fine or standard, now or at a time. */
import { complain, element } from "./elements.js";
import { say } from "./say.js";
import { keepText, whenReleased } from "./tools.js";
import { localValue } from "./minutes.js";
import { clock, moment } from "./when.js";

/** @typedef {import("./draft.js").Changes} Changes */

const cover = element("cover", HTMLInputElement);
const fine = element("fine", HTMLInputElement);
const standard = element("standard", HTMLInputElement);
const now = element("now", HTMLInputElement);
const later = element("later", HTMLInputElement);
const time = element("send_at", HTMLInputElement);
const timeHint = element("send_at-hint", HTMLElement);
let possible = true;
/** What the server said when the fax was to be sent; until something is changed, or it is tried again. */
let refusal = "";

/** @param {(changes: Changes) => void} changed */
export function listen(changed) {
  cover.addEventListener("change", () => { refusal = ""; explain(); changed({ cover: cover.checked }); });
  for (const choice of [fine, standard]) {
    choice.addEventListener("change", () => { explain(); changed({ resolution: chosen().resolution }); });
  }
  for (const choice of [now, later]) choice.addEventListener("change", () => {
    if (later.checked && !time.value) propose(8, 1);
    complain("send_at", "");
    explain();
    changed({ send_at: sendAt() });
    if (later.checked) time.focus();
  });
  time.addEventListener("input", () => {
    complain("send_at", "");
    explain();
    if (time.value) changed({ send_at: sendAt() });
  });
  time.addEventListener("blur", () => whenReleased(() => complain("send_at", problem())));
  for (const [id, hour] of /** @type {const} */ ([["tonight", 20], ["tomorrow", 8]])) {
    const button = element(id, HTMLButtonElement);
    button.textContent = say(id === "tomorrow" ? "tomorrowEarly" : "tonight", { time: clock(at(hour, 0).toISOString()) });
    button.addEventListener("click", () => {
      propose(hour, id === "tomorrow" ? 1 : 0);
      complain("send_at", "");
      explain();
      changed({ send_at: sendAt() });
    });
  }
  explain();
}

/**
 * @param {number} hour
 * @param {number} days from today
 */
function propose(hour, days) {
  const then = at(hour, days);
  time.value = localValue(then > new Date() ? then : at(hour, days + 1));
}

/**
 * @param {number} hour
 * @param {number} days from today
 */
function at(hour, days) {
  const then = new Date();
  then.setDate(then.getDate() + days);
  then.setHours(hour, 0, 0, 0);
  return then;
}

/** When it is to go out, null for at once. @returns {string | null} */
export function sendAt() {
  const then = new Date(time.value);
  return later.checked && !Number.isNaN(then.getTime()) ? then.toISOString() : null;
}

/** All that is chosen here. @returns {Changes} */
export const chosen = () => ({ cover: cover.checked, resolution: standard.checked ? "standard" : "fine", send_at: sendAt() });

/** Why the time can't be, "" when it can. */
function problem() {
  if (!later.checked) return "";
  if (!time.value) return say("timeMissing");
  return new Date(time.value) <= new Date() ? say("timePast") : "";
}

/** @returns {boolean} whether the time can be; else it is said and focused */
export function complete() {
  refusal = "";
  complain("send_at", problem());
  if (problem()) time.focus();
  return !problem();
}

/** Says what the choices mean. */
function explain() {
  const printed = cover.checked && possible;
  keepText(element("cover-hint", HTMLElement), say(possible ? (cover.checked ? "coverOn" : "coverOff") : "coverImpossible"));
  keepText(element("message-hint", HTMLElement), say(printed ? "notePrinted" : "noteHint"));
  keepText(element("quality-hint", HTMLElement), say(standard.checked ? "standardHint" : "fineHint"));
  element("time", HTMLElement).hidden = !later.checked;
  time.min = localValue(new Date());
  const then = sendAt();
  keepText(timeHint, then ? say("goesOut", { time: moment(then) }) : "");
}

/**
 * What the account has by itself.
 * @param {{cover: boolean, covers_possible: boolean, resolution: string}} me
 */
export function setUp(me) {
  possible = me.covers_possible;
  cover.disabled = !possible;
  show({ cover: me.cover && possible, resolution: me.resolution });
}

/** @param {{cover?: boolean, resolution?: string, send_at?: string | null}} chosen */
export function show({ cover: covered, resolution, send_at }) {
  if (covered !== undefined) cover.checked = covered && possible;
  if (resolution) (resolution === "standard" ? standard : fine).checked = true;
  if (send_at !== undefined) {
    (send_at ? later : now).checked = true;
    if (send_at) time.value = localValue(new Date(send_at));
  }
  explain();
}

/** @param {string} error */
export function refuseCover(error) {
  refusal = error;
  tellCover("");
  cover.focus();
}

/**
 * @param {string} problem why there can be no cover page, "" for nothing
 * @param {string[]} [notes] what is to be known of it, such as letters that no font has
 */
export function tellCover(problem, notes = []) {
  keepText(element("cover-error", HTMLElement), problem || refusal);
  keepText(element("cover-notes", HTMLElement), notes.join(" "));
}
