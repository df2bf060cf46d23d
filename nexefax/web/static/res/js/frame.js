/** @file What all pages have around them: counts in the navigation and the title, and a quiet sign when the line is down. */
import { signInNow } from "./api.js";
import { icon, make } from "./dom.js";
import { element } from "./elements.js";
import { follow } from "./live.js";
import { say, sayCount } from "./say.js";

/** @typedef {import("./live.js").State} State */

let title = document.title;
let unread = 0;

/**
 * Starts all that; call it once.
 * @returns {Promise<void>} fulfilled when whatever happens after that will be told to who follows it
 */
export function startFrame() {
  document.documentElement.classList.add("js");
  const sign = make("p", { class: "line-sign", "aria-live": "polite", hidden: true });
  document.body.append(sign);
  return follow({
    counts: (counts) => {
      unread = counts.unread;
      badge("unread", counts.unread, sayCount("unreadCount", counts.unread));
      badge("waiting", counts.waiting, sayCount("waitingCount", counts.waiting));
      document.title = unread ? `(${unread}) ${title}` : title;
    },
    state: (state) => showState(sign, state),
  });
}

/**
 * Gives the page another title, of which the count of new faxes is not a part.
 * @param {string} words
 */
export function setTitle(words) {
  title = `${words} · ${say("product")}`;
  document.title = unread ? `(${unread}) ${title}` : title;
}

/** @param {string} id @param {number} count @param {string} words */
function badge(id, count, words) {
  const place = element(id, HTMLElement);
  place.hidden = !count;
  place.replaceChildren(
    make("span", { "aria-hidden": "true" }, count > 99 ? "99+" : count),
    make("span", { class: "unseen" }, ` (${words})`),
  );
}

/** @param {HTMLElement} sign @param {State} state */
function showState(sign, state) {
  sign.hidden = state === "on";
  if (state === "off") sign.replaceChildren(icon("off"), make("span", null, say("lineOff")));
  if (state !== "out") return;
  const button = make("button", { type: "button", class: "button quiet", onclick: () => void signInNow() }, say("signIn"));
  sign.replaceChildren(icon("off"), make("span", null, say("lineOut")), button);
}
