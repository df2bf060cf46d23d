/** @file Small helpers for controls that scripts make and keep up to date. */
import { icon, make } from "./dom.js";

/**
 * A button that shows a symbol only; its words are for the pointer at rest and for screen readers.
 * @param {string} symbol
 * @param {string} words
 * @param {() => void} act
 */
export function tool(symbol, words, act) {
  return make("button", { type: "button", class: "tool", "aria-label": words, title: words, onclick: act }, icon(symbol));
}

/**
 * Sets an attribute, or the text, only where it is another one: what did not change is not drawn anew.
 * @param {Element} element
 * @param {string} name
 * @param {string} value
 */
export function keep(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * @param {Element} element
 * @param {string} words
 */
export function keepText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/**
 * Tells those who hear the page what others see happen.
 * @param {string} words
 */
export function announce(words) {
  const live = document.getElementById("live");
  if (live) live.textContent = words;
}

let again = 0;
/**
 * Fetches a module when it is needed. What got lost on the way would be lost until the page is loaded anew, since a
 * browser remembers that: it is asked for by another address.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} fetching
 * @returns {Promise<T>}
 */
export function late(name, fetching) {
  return fetching().catch(() => import(`./${name}?again=${++again}`));
}

let pressed = false;
/** @type {(() => void)[]} */
const waiting = [];
addEventListener("pointerdown", () => { pressed = true; }, true);
for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, () => {
    pressed = false;
    setTimeout(() => { for (const act of waiting.splice(0)) act(); }); // the click comes first
  }, true);
}

/**
 * What a field does when it is left may move what stands below it. Were it done while a button there is being
 * pressed, the button would slip away from under the pointer, and the click be lost.
 * @param {() => void} act
 */
export function whenReleased(act) {
  if (pressed) waiting.push(act);
  else act();
}
