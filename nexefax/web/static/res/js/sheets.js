/** @file The very pages that will be faxed, as cards in sending order, each with what can be done to it. */
import { element } from "./elements.js";
import { icon, make } from "./dom.js";
import { say, sayCount } from "./say.js";
import { keep, keepText, tool } from "./tools.js";
import { duration, shortly } from "./minutes.js";

/**
 * @typedef {import("./draft.js").Sheet} Sheet
 * @typedef {import("./draft.js").PageChoice} PageChoice
 * @typedef {{sheet: Sheet, item: HTMLLIElement, look: HTMLButtonElement, image: HTMLImageElement, wait: HTMLElement,
 *   number: HTMLElement, time: HTMLElement, tools: Tools | null, turned: number}} Card
 * @typedef {{turn: HTMLButtonElement, tone: HTMLSelectElement, out: HTMLButtonElement}} Tools
 */

/** @type {Record<import("./draft.js").Tone, string>} how a page is drawn, and what that is called */
const TONES = { auto: say("toneAuto"), photo: say("tonePhoto"), text: say("toneText") };
const list = element("sheets", HTMLUListElement);
const section = element("pages", HTMLElement);

/** @type {Map<string, Card>} */
const cards = new Map();
let current = "";
/** @type {Sheet[]} */
let shown = [];
/** @type {(key: string, choice: PageChoice, said: string) => void} */
let choose = () => {};

/** All pages in sending order, those left out among them. */
export const sheets = () => shown;

/**
 * @param {(key: string, choice: PageChoice, said: string) => void} chosen
 * @param {(key: string) => void} look
 */
export function listen(chosen, look) {
  choose = chosen;
  list.addEventListener("click", (event) => {
    const card = cardOf(event.target);
    if (card && event.target instanceof Element && event.target.closest(".look")) look(card.sheet.key);
  });
  list.addEventListener("focusin", (event) => {
    const card = cardOf(event.target);
    if (card) makeCurrent(card.sheet.key);
  });
  list.addEventListener("keydown", (event) => {
    const card = cardOf(event.target);
    if (card && !event.ctrlKey && !event.altKey && !event.metaKey && press(card, event)) event.preventDefault();
  });
}

/**
 * @param {Card} card
 * @param {KeyboardEvent} event
 */
function press(card, event) {
  if (event.target instanceof HTMLSelectElement) return false;
  const at = shown.indexOf(card.sheet);
  const across = Math.max(1, getComputedStyle(list).gridTemplateColumns.split(" ").length);
  /** @type {Record<string, number>} */
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, Home: -at, End: shown.length - 1 - at };
  const step = steps[event.key];
  if (step !== undefined) {
    const goal = shown[Math.min(shown.length - 1, Math.max(0, at + step))];
    if (goal) focus(goal.key);
    return true;
  }
  if (!card.tools) return false;
  if (event.key === "r" || event.key === "R") card.tools.turn.click();
  else if (event.key === "Delete" || event.key === "Backspace") card.tools.out.click();
  else return false;
  return true;
}

/** @param {string} key */
export function focus(key) {
  const card = cards.get(key);
  card?.look.focus();
  card?.item.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** @param {EventTarget | null} target */
function cardOf(target) {
  const item = target instanceof Element ? target.closest("li") : null;
  return item ? cards.get(item.dataset.key ?? "") : undefined;
}

/**
 * One stop for the Tab key, with the arrows inside, or a hundred pages would be four hundred stops.
 * @param {string} key
 */
function makeCurrent(key) {
  if (key === current) return;
  for (const [one, stop] of [[current, -1], [key, 0]]) {
    const card = cards.get(String(one));
    if (!card) continue;
    for (const control of card.item.querySelectorAll("button, select")) {
      if (control instanceof HTMLElement) control.tabIndex = Number(stop);
    }
  }
  current = key;
}

/** @param {import("./draft.js").DraftData | null} draft */
export function show(draft) {
  shown = draft ? [...(draft.cover ? draft.cover_pages : []), ...draft.pages] : [];
  section.hidden = !shown.length;
  const keys = new Set(shown.map(({ key }) => key));
  for (const [key, card] of cards) {
    if (keys.has(key)) continue;
    const focused = card.item.contains(document.activeElement);
    card.item.remove();
    cards.delete(key);
    if (focused) list.querySelector("button")?.focus();
  }
  let number = 0;
  shown.forEach((sheet, at) => {
    const card = cards.get(sheet.key) ?? add(sheet);
    if (list.children[at] !== card.item) place(card, at);
    update(card, sheet, sheet.left_out ? 0 : ++number);
  });
  if (!keys.has(current)) makeCurrent(shown[0]?.key ?? "");
}

/**
 * @param {Card} card
 * @param {number} at
 */
function place(card, at) {
  const focused = card.item.contains(document.activeElement) ? document.activeElement : null;
  list.insertBefore(card.item, list.children[at] ?? null);
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
}

/**
 * @param {Sheet} sheet
 * @returns {Card}
 */
function add(sheet) {
  const image = make("img", { alt: "", loading: "lazy", decoding: "async", hidden: true });
  const wait = make("span", { class: "wait" });
  const look = make("button", { type: "button", class: "look", tabindex: "-1" }, image, wait);
  const number = make("b");
  const time = make("span", { class: "time" });
  const item = make("li", { class: "card", "data-key": sheet.key }, look, make("p", { class: "line" }, number, time));
  /** @type {Card} */
  const card = { sheet, item, look, image, wait, number, time, tools: null, turned: sheet.turn };
  if (sheet.document) card.tools = addTools(card);
  image.addEventListener("load", () => {
    card.turned = Number(image.dataset.turn);
    turn(card);
  });
  cards.set(sheet.key, card);
  return card;
}

/**
 * @param {Card} card
 * @returns {Tools}
 */
function addTools(card) {
  const turn = tool("turn", say("rotate"), () => turnOn(card.sheet));
  const out = tool("out", say("leaveOut"), () => leaveOut(card.sheet));
  const tone = make("select", { class: "tone", title: say("toneHint") });
  tone.append(...Object.entries(TONES).map(([value, words]) => make("option", { value }, words)));
  tone.addEventListener("change", () => chooseTone(card.sheet, tone));
  for (const control of [turn, tone, out]) control.tabIndex = -1;
  card.item.append(make("div", { class: "tools" }, turn, tone, out));
  return { turn, tone, out };
}

/**
 * @param {Sheet} sheet
 * @param {HTMLSelectElement} select
 */
export function chooseTone(sheet, select) {
  const tone = /** @type {import("./draft.js").Tone} */ (select.value);
  choose(sheet.key, { tone }, say("toneSaid", { page: sheetName(sheet, sendingNumber(sheet.key)), tone: TONES[tone] }));
}

/** @param {Sheet} sheet */
export function turnOn(sheet) {
  const turn = (sheet.turn + 1) % 4;
  choose(sheet.key, { turn }, say("rotated", { page: sheetName(sheet, sendingNumber(sheet.key)), degrees: turn * 90 }));
}

/** @param {Sheet} sheet */
export function leaveOut(sheet) {
  const page = sheetName(sheet, sheet.left_out ? 0 : sendingNumber(sheet.key));
  choose(sheet.key, { left_out: !sheet.left_out }, say(sheet.left_out ? "putBackSaid" : "leftOutSaid", { page }));
}

/**
 * @param {Card} card
 * @param {Sheet} sheet
 * @param {number} number 0 for a page that is left out
 */
function update(card, sheet, number) {
  card.sheet = sheet;
  const { item, look, image, tools } = card;
  const name = sheetName(sheet, number);
  keep(look, "aria-label", name);
  keepText(card.number, sheet.document ? (number ? String(number) : "") : say("coverShort"));
  keepText(card.wait, sheet.left_out ? say("leftOut") : sheet.ready ? "" : say("drawing"));
  keepText(card.time, sheet.seconds === null || sheet.left_out || !sheet.ready ? "" : shortly(sheet.seconds));
  item.classList.toggle("left-out", sheet.left_out);
  item.classList.toggle("slow", sheet.slow && !sheet.left_out);
  item.classList.toggle("drawing", !sheet.ready);
  shape(look, sheet);
  if (sheet.ready && sheet.image) {
    keep(image, "data-turn", String(sheet.turn));
    keep(image, "src", pageAddress(sheet, "thumb"));
    image.hidden = false;
  }
  turn(card);
  if (!tools) return;
  keep(tools.turn, "aria-label", say("rotatePage", { page: name }));
  keep(tools.tone, "aria-label", say("tonePage", { page: name }));
  keep(tools.out, "aria-label", say(sheet.left_out ? "putBackPage" : "leaveOutPage", { page: name }));
  keep(tools.out, "title", say(sheet.left_out ? "putBack" : "leaveOut"));
  const symbol = tools.out.querySelector("use");
  const address = symbol?.getAttribute("href")?.replace(/#.*/, sheet.left_out ? "#undo" : "#out");
  if (symbol && address) keep(symbol, "href", address);
  if (tools.tone.value !== sheet.tone) tools.tone.value = sheet.tone;
}

/**
 * A page is turned at once, by the browser, until the picture of the turned page is there.
 * @param {Card} card
 */
function turn({ image, sheet, turned }) {
  keep(image, "data-quarters", String((sheet.turn - turned + 4) % 4));
}

/**
 * Its place has the shape of the paper before the picture comes, so that nothing jumps.
 * @param {HTMLElement} look
 * @param {Sheet} sheet
 */
export function shape(look, { width, length, across, down }) {
  if (!width || !length) return;
  const ratio = (width / across / (length / down)).toFixed(3);
  if (look.dataset.shape === ratio) return;
  look.dataset.shape = ratio;
  look.style.setProperty("--shape", ratio);
}

/**
 * @param {Sheet} sheet
 * @param {"thumb" | "page" | "full"} size
 */
export function pageAddress(sheet, size) {
  return `${sheet.image}${sheet.image.includes("?") ? "&" : "?"}size=${size}`;
}

/**
 * @param {Sheet} sheet
 * @param {number} number
 */
export function sheetName(sheet, number) {
  if (!sheet.document) return say("coverPage");
  return number ? say("pageNumber", { number }) : say("pageLeftOut", { document: sheet.document, page: sheet.page });
}

/**
 * The number under which a page is sent; 0 when it is left out.
 * @param {string} key
 */
export function sendingNumber(key) {
  const sent = shown.filter(({ left_out }) => !left_out);
  return sent.findIndex((sheet) => sheet.key === key) + 1;
}

/**
 * The pages that take many minutes, in words, with what helps.
 * @param {import("./draft.js").DraftData | null} draft
 * @param {(changes: import("./draft.js").Changes, said: string) => void} help
 */
export function warn(draft, help) {
  const place = element("slow", HTMLElement);
  const slow = shown.filter((sheet) => sheet.slow && sheet.ready && !sheet.left_out);
  const longest = Math.max(0, ...slow.map(({ seconds }) => seconds ?? 0));
  const numbers = slow.map(({ key }) => sendingNumber(key));
  const sentence = !slow.length ? "" : sayCount("slow", slow.length, { numbers: few(numbers), time: duration(longest) });
  const fine = draft?.resolution === "fine";
  const photos = slow.filter(({ tone, document }) => tone !== "text" && document).map(({ key }) => key);
  const state = `${sentence}|${fine}|${photos}`;
  if (place.dataset.state === state) return;
  place.dataset.state = state;
  place.hidden = !slow.length;
  const focused = place.contains(document.activeElement);
  /** @type {HTMLElement[]} */
  const remedies = [];
  /** @param {string} words @param {() => void} act */
  const offer = (words, act) => {
    remedies.push(make("button", { type: "button", class: "button quiet", onclick: act }, words));
  };
  if (fine) offer(say("slowStandard"), () => help({ resolution: "standard" }, say("standardSaid")));
  if (photos.length) {
    const pages = Object.fromEntries(photos.map((key) => [key, { tone: /** @type {const} */ ("text") }]));
    offer(say("slowText"), () => help({ pages }, say("slowTextSaid")));
  }
  const words = make("p", null, icon("alert"), make("span", null, sentence, " ", say("slowRemedy")));
  place.replaceChildren(...(sentence ? [words, make("p", { class: "remedies" }, ...remedies)] : []));
  if (focused) focus(slow[0]?.key ?? current);
}

/** @param {number[]} numbers */
function few(numbers) {
  return numbers.length > 6 ? `${numbers.slice(0, 5).join(", ")} …` : numbers.join(", ");
}
