/** @file The pages of a fax, large: zoomed, turned, gone through and printed. */
import { icon, make } from "./dom.js";
import { element } from "./elements.js";
import { say } from "./say.js";
import { toast } from "./toast.js";
import { percent } from "./when.js";

/** @typedef {import("./types.js").WholeFax} WholeFax */
/** @typedef {import("./types.js").PageSize} PageSize */

/** CSS pixels to an inch of paper at 100 %. */
const INCH = 96;
const STEPS = [0.25, 0.35, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 4];
/** The grey picture has 864 pixels across; where more are shown, the page's own are fetched. */
const GREY_WIDTH = 864;

const sheets = element("sheets", HTMLElement);
const strip = element("strip", HTMLElement);
const field = element("page", HTMLInputElement);
const zoomButton = element("zoom", HTMLButtonElement);

/** @type {PageSize[]} */
let sizes = [];
let fax = 0;
/** 0 fits the width. */
let chosen = 0;
let turns = 0;
let page = 1;
/** @type {IntersectionObserver | null} */
let watch = null;

element("smaller", HTMLElement).addEventListener("click", () => zoom(-1));
element("larger", HTMLElement).addEventListener("click", () => zoom(1));
zoomButton.addEventListener("click", () => zoom(0));
element("turn", HTMLElement).addEventListener("click", turn);
element("print", HTMLElement).addEventListener("click", print);
field.addEventListener("change", () => goTo(Number(field.value)));
field.addEventListener("keydown", (event) => { if (event.key === "Enter") goTo(Number(field.value)); });
field.addEventListener("focus", () => field.select());
new ResizeObserver(layOut).observe(sheets);
addEventListener("beforeprint", () => { for (const { picture } of all()) picture.loading = "eager"; });

/** Shows the pages of a fax; called again, only what is different changes. @param {WholeFax} whole */
export function show(whole) {
  element("reader-bar", HTMLElement).hidden = !whole.page_sizes.length;
  if (fax && JSON.stringify(whole.page_sizes) === JSON.stringify(sizes)) return sizes.length ? undefined : none(whole);
  fax = whole.id;
  sizes = whole.page_sizes;
  if (!sizes.length) return none(whole);
  sheets.replaceChildren(...sizes.map((_, index) => sheet(index + 1)));
  strip.replaceChildren(...(sizes.length > 1 ? sizes.map((_, index) => thumb(index + 1)) : []));
  strip.hidden = sizes.length < 2;
  element("page-of", HTMLElement).hidden = sizes.length < 2;
  element("page-most", HTMLElement).textContent = say("ofPages", { pages: sizes.length });
  watchPages();
  layOut();
}

/** @param {WholeFax} whole */
function none(whole) {
  const words = !whole.files ? say("pagesGone") : ["failed", "cancelled", "undeliverable"].includes(whole.state) ? say("pagesNone") : say("pagesSoon");
  strip.hidden = true;
  sheets.replaceChildren(make("p", { class: "nothing" }, icon("page", "large"), words));
}

/** @param {number} number */
function sheet(number) {
  const picture = make("img", { alt: say("pageOfFax", { page: number, fax }), loading: number < 3 ? "eager" : "lazy", decoding: "async" });
  const place = make("figure", { class: "sheet", id: `page-${number}`, tabindex: "-1" }, picture);
  picture.addEventListener("error", () => {
    const again = make("button", { type: "button", class: "button second", onclick: () => { place.replaceChildren(picture); picture.src = `${address(number, "page")}&again=${Date.now()}`; } }, say("tryAgain"));
    place.replaceChildren(make("div", { class: "nothing" }, make("p", null, say("pageBroken", { page: number })), again));
  });
  return place;
}

/** @param {number} number @param {string} size */
const address = (number, size) => `/api/faxes/${fax}/pages/${number}.png?size=${size}`;

/** @param {number} number */
function thumb(number) {
  return make("a", { href: `#page-${number}`, onclick: (/** @type {Event} */ event) => { event.preventDefault(); goTo(number); } },
    make("img", { src: address(number, "thumb"), alt: "", loading: "lazy", decoding: "async", width: 72, height: 93 }),
    make("span", null, make("span", { class: "unseen" }, `${say("page")} `), number));
}

/** @returns {{place: HTMLElement, picture: HTMLImageElement, size: PageSize, number: number}[]} */
function all() {
  return sizes.flatMap((size, index) => {
    const place = sheets.children[index];
    const picture = place?.querySelector("img");
    return place instanceof HTMLElement && picture ? [{ place, picture, size, number: index + 1 }] : [];
  });
}

/** @param {PageSize} size @returns {[number, number]} inches as it is shown */
function inches({ width, length, across, down }) {
  /** @type {[number, number]} */
  const upright = [width / across, length / down];
  return turns % 2 ? [upright[1], upright[0]] : upright;
}

/** @returns {number} what is in use, 1 for the size of the paper */
function scale() {
  if (chosen) return chosen;
  const widest = Math.max(...sizes.map((size) => inches(size)[0]), 1);
  return Math.max(sheets.clientWidth - 2, 100) / (widest * INCH);
}

function layOut() {
  if (!sizes.length) return;
  const now = scale();
  const grey = (Math.max(...sizes.map((size) => size.width / size.across)) * INCH * now * devicePixelRatio) <= GREY_WIDTH * 1.15;
  for (const { place, picture, size, number } of all()) {
    const [width, height] = inches(size);
    const [own, ownHeight] = turns % 2 ? [height, width] : [width, height];
    for (const [name, value] of Object.entries({ "--w": width, "--h": height, "--own-w": own, "--own-h": ownHeight })) {
      place.style.setProperty(name, `${Math.round(value * INCH * now)}px`);
    }
    place.style.setProperty("--shape", String(own / ownHeight)); // pixels need not be square
    place.dataset.turns = String(turns);
    const wanted = address(number, grey ? "page" : "full");
    if (picture.getAttribute("src") !== wanted && !(grey && picture.getAttribute("src"))) picture.src = wanted;
  }
  zoomButton.textContent = chosen ? percent(chosen) : say("fitWidth");
}

/** @param {-1 | 0 | 1} direction 0 fits the width, or shows 100 % where it does already */
export function zoom(direction) {
  const now = scale();
  const kept = page;
  if (!direction) chosen = chosen ? 0 : 1;
  else if (direction > 0) chosen = STEPS.find((step) => step > now * 1.02) ?? now;
  else chosen = [...STEPS].reverse().find((step) => step < now * 0.98) ?? now;
  layOut();
  goTo(kept, false);
}

/** Turns the pages for reading, clockwise; what was received stays as it is. */
export function turn() {
  turns = (turns + 1) % 4;
  const kept = page;
  layOut();
  goTo(kept, false);
}

/** @param {1 | -1} by */
export const step = (by) => goTo(page + by);

/** What an arrow to the side does: it moves over pages that are wider than their place, else it turns them. @param {1 | -1} by */
export function aside(by) {
  if (sheets.scrollWidth > sheets.clientWidth + 1) sheets.scrollBy({ left: by * 80 });
  else step(by);
}

/** @param {number} number @param {boolean} [focus] */
function goTo(number, focus = true) {
  const wanted = Math.min(Math.max(Math.round(number) || page, 1), sizes.length);
  const place = sheets.children[wanted - 1];
  if (!(place instanceof HTMLElement)) return;
  place.scrollIntoView({ block: "start" });
  if (focus && document.activeElement !== field) place.focus({ preventScroll: true });
  at(wanted);
}

/** @param {number} number the page that is looked at */
function at(number) {
  page = number;
  field.value = String(number);
  [...strip.children].forEach((link, index) => {
    if (index + 1 === number) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
  const link = strip.children[number - 1];
  if (link instanceof HTMLElement) {
    const { scrollTop, clientHeight, scrollLeft, clientWidth } = strip;
    const above = link.offsetTop < scrollTop || link.offsetTop + link.offsetHeight > scrollTop + clientHeight;
    const beside = link.offsetLeft < scrollLeft || link.offsetLeft + link.offsetWidth > scrollLeft + clientWidth;
    if (above || beside) strip.scrollTo(link.offsetLeft - clientWidth / 2, link.offsetTop - clientHeight / 2);
  }
}

function watchPages() {
  watch?.disconnect();
  const seen = new Set();
  watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const number = [...sheets.children].indexOf(entry.target) + 1;
      if (entry.isIntersecting) seen.add(number);
      else seen.delete(number);
    }
    if (seen.size) at(Math.min(...seen));
  }, { rootMargin: "-25% 0px -55% 0px" });
  for (const place of sheets.children) watch.observe(place);
  at(1);
}

/** Prints the pages, and nothing else, once they are all here. */
export async function print() {
  toast(say("printing"));
  try {
    await Promise.all(all().map(({ picture, number }) => {
      picture.loading = "eager";
      picture.src = address(number, "full");
      return picture.decode();
    }));
  } catch {
    return toast(say("printFailed"), { bad: true });
  }
  window.print();
}
