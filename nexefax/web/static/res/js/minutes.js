/** @file How long something takes, and times as fields have them. */
import { say, sayCount } from "./say.js";

/**
 * "about 40 seconds", "about 4 minutes", "about 1 hour 20 minutes": an estimate, so never more exact than that.
 * @param {number} seconds
 */
export function duration(seconds) {
  if (seconds < 55) return sayCount("seconds", Math.max(5, Math.round(seconds / 5) * 5));
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return sayCount("minutes", minutes);
  const rest = Math.round((minutes % 60) / 10) * 10;
  const hours = Math.floor(minutes / 60) + (rest === 60 ? 1 : 0);
  const whole = sayCount("hours", hours);
  return rest % 60 ? say("hoursMinutes", { hours: whole, minutes: rest }) : whole;
}

/**
 * The same in a few letters: "40 s", "4 min".
 * @param {number} seconds
 */
export function shortly(seconds) {
  if (seconds < 55) return say("shortSeconds", { n: Math.max(5, Math.round(seconds / 5) * 5) });
  return say("shortMinutes", { n: Math.round(seconds / 60) });
}

/**
 * A time as `<input type="datetime-local">` has it.
 * @param {Date} then
 */
export function localValue(then) {
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const date = `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())}`;
  return `${date}T${two(then.getHours())}:${two(then.getMinutes())}`;
}
