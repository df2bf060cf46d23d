/** @file What became of a fax, in words and as a shape; never by colour alone. */
import { writeNumber } from "./number.js";
import { say, sayCount } from "./say.js";
import { moment } from "./when.js";

/** @typedef {import("./types.js").Fax} Fax */
/** @typedef {{shape: string, tone: "good" | "bad" | "wait" | "work" | "off", word: string, detail: string}} Standing */

export const WAITING = ["queued", "rendering", "ready", "calling"];

/** @param {Fax} fax @returns {boolean} whether it waits for a time that somebody chose, and nobody has hastened it since */
export function isScheduled({ state, send_at: sendAt, next_try: nextTry }) {
  if (!sendAt || state === "calling" || !WAITING.includes(state)) return false;
  return new Date(sendAt) > new Date() && (!nextTry || new Date(nextTry) >= new Date(sendAt));
}

/** @param {Fax} fax @returns {Standing} */
export function standing(fax) {
  if (isScheduled(fax)) {
    return { shape: "calendar", tone: "wait", word: say("stateScheduled"), detail: say("stateFor", { time: moment(fax.send_at ?? "") }) };
  }
  switch (fax.state) {
    case "queued": return { shape: "clock", tone: "wait", word: say("stateQueued"), detail: waiting(fax) };
    case "rendering": return { shape: "draw", tone: "work", word: say("stateRendering"), detail: waiting(fax) };
    case "ready": return { shape: "clock", tone: "wait", word: say("stateReady"), detail: waiting(fax) };
    case "calling": return { shape: "phone", tone: "work", word: calling(fax), detail: together([fax.reason, attempt(fax, fax.attempts)]) };
    case "sent": return { shape: "done", tone: "good", word: say("stateSent"), detail: fax.doubtful ? say("maybeTwice") : "" };
    case "failed": return { shape: "failed", tone: "bad", word: say("stateFailed"), detail: together([fax.reason, arrived(fax)]) };
    case "cancelled": return { shape: "stopped", tone: "off", word: say("stateCancelled"), detail: fax.reason };
    case "received":
    case "converting": return { shape: "draw", tone: "work", word: say("stateConverting"), detail: waiting(fax) };
    case "delivering": return { shape: "mail", tone: "work", word: say("stateDelivering"), detail: fax.reason };
    case "delivered": return { shape: "done", tone: "good", word: say("stateDelivered"), detail: "" };
    case "undeliverable": return { shape: "alert", tone: "bad", word: say("stateUndeliverable"), detail: fax.reason };
  }
}

/** @param {Fax} fax */
function calling(fax) {
  return fax.progress ? say("stateOnPage", { page: fax.progress.page, pages: fax.progress.pages }) : say("stateCalling");
}

/** @param {Fax} fax */
function waiting(fax) {
  const next = fax.next_try && new Date(fax.next_try) > new Date() ? say("nextTry", { time: moment(fax.next_try) }) : "";
  return together([fax.reason, next, fax.attempts ? attempt(fax, fax.attempts + 1) : ""]);
}

/** @param {Fax} fax @param {number} number */
function attempt(fax, number) {
  return number > 1 && number <= fax.max_attempts ? say("attemptOf", { number, most: fax.max_attempts }) : "";
}

/** @param {Fax} fax */
function arrived(fax) {
  return fax.pages_done && fax.pages ? say("pagesArrived", { done: fax.pages_done, pages: fax.pages }) : "";
}

/** @param {string[]} parts */
export const together = (parts) => parts.filter(Boolean).join(", ");

/** What is wrong with the pages of a received fax, each in a few words. @param {Fax} fax @returns {string[]} */
export function warnings(fax) {
  if (fax.direction !== "in") return [];
  return [
    fax.incomplete ? say("incomplete") : "",
    fax.damaged ? say("damaged") : "",
    fax.repeat_of ? say("repeatOf", { fax: fax.repeat_of }) : "",
  ].filter(Boolean);
}

/** Who is at the other end. @param {Fax} fax @returns {{main: string, more: string}} */
export function otherEnd(fax) {
  const number = fax.number && writeNumber(fax.number);
  const digits = fax.number.replace(/\D/g, "");
  const name = fax.name && (!digits || fax.name.replace(/\D/g, "") !== digits) ? fax.name : "";
  const station = fax.station && fax.station.replace(/\D/g, "") !== digits ? fax.station : "";
  const [main = say("unknownEnd"), ...more] = [name, number, station].filter(Boolean);
  return { main, more: more.join(" · ") };
}

/** @param {Fax} fax */
export const pageCount = (fax) => (fax.pages ? sayCount("pages", fax.pages) : "");
