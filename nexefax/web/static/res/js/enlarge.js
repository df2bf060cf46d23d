/** @file One page large, as the other machine will print it; with the next and the one before, and a magnifier. */
import { element } from "./elements.js";
import { say } from "./say.js";
import { keep, keepText } from "./tools.js";
import { chooseTone, focus, leaveOut, pageAddress, sendingNumber, shape, sheetName, sheets, turnOn } from "./sheets.js";
import { duration } from "./minutes.js";

/** How wide the page is: as fits the window, as wide as the window, twice that. */
const ZOOMS = ["fit", "wide", "double"];

const dialog = element("viewer", HTMLDialogElement);
const image = element("viewer-image", HTMLImageElement);
const stage = element("viewer-stage", HTMLElement);
const title = element("viewer-title", HTMLElement);
const about = element("viewer-about", HTMLElement);
const tone = element("viewer-tone", HTMLSelectElement);
const outButton = element("viewer-out", HTMLButtonElement);

let key = "";
let zoom = 0;
export function listen() {
  on("viewer-close", () => dialog.close());
  on("viewer-before", () => go(-1));
  on("viewer-next", () => go(1));
  on("viewer-zoom", () => magnify((zoom + 1) % ZOOMS.length));
  on("viewer-turn", turn);
  on("viewer-out", out);
  tone.addEventListener("change", () => { const sheet = current(); if (sheet) chooseTone(sheet, tone); });
  image.addEventListener("click", () => magnify(zoom ? 0 : 1));
  image.addEventListener("load", () => stage.classList.remove("loading"));
  image.addEventListener("error", () => stage.classList.remove("loading"));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => focus(key));
  dialog.addEventListener("keydown", (event) => {
    if (event.target === tone || event.ctrlKey || event.altKey || event.metaKey || !press(event.key)) return;
    event.preventDefault();
  });
}

/** @param {string} pressed */
function press(pressed) {
  const scrolls = zoom > 0 && stage.scrollWidth > stage.clientWidth;
  if (pressed === "PageDown" || (pressed === "ArrowRight" && !scrolls)) go(1);
  else if (pressed === "PageUp" || (pressed === "ArrowLeft" && !scrolls)) go(-1);
  else if (pressed === "Home") go(-sheets().length);
  else if (pressed === "End") go(sheets().length);
  else if (pressed === "+" || pressed === "=") magnify(Math.min(zoom + 1, ZOOMS.length - 1));
  else if (pressed === "-") magnify(Math.max(zoom - 1, 0));
  else if (pressed === "r" || pressed === "R") turn();
  else if (pressed === "Delete") out();
  else return false;
  return true;
}

/** @param {string} sheet */
export function open(sheet) {
  key = sheet;
  zoom = 0;
  show();
  if (!dialog.open) dialog.showModal();
  stage.focus();
}

/** Shows the page again, which may have become another. */
export function show() {
  const all = sheets();
  const at = all.findIndex((sheet) => sheet.key === key);
  const sheet = all[at];
  if (!sheet) {
    if (dialog.open) dialog.close();
    return;
  }
  keepText(title, name());
  const time = sheet.seconds === null || !sheet.ready ? say("drawing") : say("onTheLine", { time: duration(sheet.seconds) });
  keepText(about, `${say("pageOf", { at: at + 1, all: all.length })} · ${sheet.left_out ? say("leftOut") : time}`);
  if (sheet.ready && sheet.image) {
    const address = pageAddress(sheet, zoom ? "full" : "page");
    if (image.getAttribute("src") !== address) {
      stage.classList.add("loading");
      image.src = address;
    }
    image.alt = say("pageAlt", { page: name() });
    shape(image, sheet);
  } else stage.classList.add("loading");
  keep(stage, "data-zoom", ZOOMS[zoom] ?? "fit");
  stage.classList.toggle("left-out", sheet.left_out);
  element("viewer-tools", HTMLElement).hidden = !sheet.document;
  tone.value = sheet.tone;
  keepText(outButton.querySelector("span") ?? outButton, say(sheet.left_out ? "putBack" : "leaveOut"));
  for (const [id, off] of /** @type {const} */ ([["viewer-before", at === 0], ["viewer-next", at === all.length - 1]])) {
    keep(element(id, HTMLButtonElement), "aria-disabled", String(off));
  }
}

/** @param {number} steps */
function go(steps) {
  const all = sheets();
  const at = all.findIndex((sheet) => sheet.key === key);
  const goal = all[Math.min(all.length - 1, Math.max(0, at + steps))];
  if (!goal || goal.key === key) return;
  ({ key } = goal);
  stage.scrollTop = 0;
  show();
}

/** @param {number} to */
function magnify(to) {
  zoom = to;
  show();
}

/** The page that is shown. */
const current = () => sheets().find((sheet) => sheet.key === key);

/** @param {(sheet: import("./draft.js").Sheet) => void} act a cover page is as it is */
const withPage = (act) => () => { const sheet = current(); if (sheet?.document) act(sheet); };
const turn = withPage(turnOn);
const out = withPage(leaveOut);

function name() {
  const sheet = current();
  return sheet ? sheetName(sheet, sendingNumber(key)) : "";
}

/**
 * @param {string} id
 * @param {() => void} act
 */
function on(id, act) {
  element(id, HTMLElement).addEventListener("click", act);
}
