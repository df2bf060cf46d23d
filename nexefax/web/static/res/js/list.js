/** @file A list of faxes that stays true by itself: by day, searched, endless, walked through by keys. */
import { ApiError, get } from "./api.js";
import { make } from "./dom.js";
import { once } from "./dialog.js";
import { complain, element } from "./elements.js";
import { belongs, fromAddress, fromForm, isSearch, toAddress, toForm, toQuery } from "./filters.js";
import { setTitle, startFrame } from "./frame.js";
import { follow } from "./live.js";
import { arrange, refill } from "./refill.js";
import { say } from "./say.js";
import { dayKey, dayName, untilMidnight } from "./when.js";

/** @typedef {import("./types.js").Fax} Fax */
/**
 * @typedef {object} Kind
 * @property {"in" | "out"} direction
 * @property {string} title
 * @property {(fax: Fax, row: HTMLLIElement) => HTMLElement[]} fill what a row holds; `row` holds what it did before
 * @property {(faxes: Fax[], rows: Map<number, HTMLLIElement>) => HTMLLIElement[]} [fold] the items of one day
 * @property {(show: string) => string} nothing the sentence for a list without faxes that is not searched
 */

/** So many at a time; and the most that one answer holds. */
const STEP = 50;
const MOST = 200;
const TYPING_MS = 250;
const RETRY_MS = 5000;

const list = element("list", HTMLElement);
const end = element("list-end", HTMLElement);
const problem = element("problem", HTMLElement);
const form = element("filters", HTMLFormElement);

/** @type {Map<number, Fax>} */
const faxes = new Map();
/** @type {Map<number, HTMLLIElement>} */
const rows = new Map();
/** @type {Map<string, {section: HTMLElement, items: HTMLUListElement, heading: HTMLElement}>} */
const days = new Map();
/** @type {Kind} */
let kind;
let filters = fromAddress();
/** @type {string | null} where the list goes on; null: it is all there */
let next = null;
let loading = new AbortController();
let busy = false;
let loaded = false;
/** Whether the list is not what the server has, and could not be fetched. */
let stale = false;
/** What was heard while a part of the list was on its way, which may be older. @type {Fax[]} */
let heard = [];

/** So near to the end, in pixels, what comes after is fetched. */
const NEAR = 600;

/** Starts the list. @param {Kind} of */
export async function startList(of) {
  kind = of;
  history.scrollRestoration = "manual";
  toForm(filters);
  form.hidden = false;
  listenToForm();
  showAddress();
  addEventListener("popstate", () => { filters = fromAddress(); toForm(filters); showAddress(); void load(); });
  addEventListener("pagehide", remember);
  list.addEventListener("click", remember);
  for (const kind of ["scroll", "resize"]) addEventListener(kind, goOn, { passive: true });
  const midnight = () => { render(); setTimeout(midnight, untilMidnight()); };
  setTimeout(midnight, untilMidnight());
  await startFrame();
  void follow({
    fax: (fax) => apply(fax),
    progress: ({ id, ...progress }) => { const fax = faxes.get(id); if (fax) apply({ ...fax, progress }); },
    reset: () => refetch(),
    state: (state) => { if (state === "on" && stale) refetch(); },
  });
  const place = history.state;
  await load({ count: place?.count });
  if (!place) return;
  scrollTo(0, place.y ?? 0);
  rows.get(place.at)?.querySelector("a")?.focus({ preventScroll: true });
}

/** Takes in what a fax is now, wherever that was heard. @param {Fax} fax */
export function apply(fax) {
  if (fax.direction !== kind.direction) return;
  if (busy) heard.push(fax);
  const known = faxes.get(fax.id);
  if (known && known.changed > fax.changed) return;
  if (known ? Boolean(fax.deleted) === (filters.show === "bin") : belongs(fax, filters) && within(fax)) {
    if (!known && filters.q) return refetch(); // it may be one that is searched for, which the server knows
    faxes.set(fax.id, fax);
  } else if (known) faxes.delete(fax.id);
  else return;
  render();
}

/** @param {Fax} fax @returns {boolean} whether the list has come down to where it stands */
const within = ({ id }) => loaded && (next === null || id > Math.min(...faxes.keys()));

/** @type {ReturnType<typeof setTimeout> | undefined} */
let again;
/** Fetches the list anew, soon; but what somebody waits for comes first. */
function refetch(after = TYPING_MS) {
  clearTimeout(again);
  again = setTimeout(() => (busy ? refetch() : void load({ quiet: true })), after);
}

/**
 * Fetches the list from its top. `quiet`: what is shown stays until then; nothing is said when it fails.
 * @param {{count?: number, quiet?: boolean}} [how]
 */
async function load({ count = faxes.size, quiet = false } = {}) {
  loading.abort();
  loading = new AbortController();
  if (!quiet) next = null; // where another list goes on
  const limit = Math.min(Math.max(STEP, loaded && !quiet ? STEP : count), MOST);
  await fetchPage(null, limit, quiet);
}

/** Fetches what comes after. */
async function older() {
  if (next === null || busy) return;
  await fetchPage(next, STEP, false);
}

/** @param {string | null} cursor @param {number} limit @param {boolean} quiet */
async function fetchPage(cursor, limit, quiet) {
  const { signal } = loading;
  busy = true;
  heard = [];
  if (!quiet) {
    problem.textContent = "";
    list.setAttribute("aria-busy", "true");
  }
  const query = toQuery(filters, kind.direction);
  query.set("limit", String(limit));
  if (cursor) query.set("cursor", cursor);
  try {
    const page = await get(`/api/faxes?${query}`, { signal, quiet });
    if (!cursor) faxes.clear();
    for (const fax of page.faxes) faxes.set(fax.id, fax);
    next = page.next;
    loaded = true;
    if (!cursor) {
      stale = false;
      problem.textContent = "";
    }
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    if (quiet) {
      stale = true;
      if (error.status !== 401) refetch(RETRY_MS); // else when somebody is signed in again
    } else fail(error, !cursor);
  }
  busy = false;
  for (const fax of heard.splice(0)) apply(fax);
  list.removeAttribute("aria-busy");
  render();
  goOn();
}

/** Fetches what comes after as soon as one comes near to the end. */
function goOn() {
  if (!problem.textContent && end.getBoundingClientRect().top < innerHeight + NEAR) void older();
}

/** @param {ApiError} error @param {boolean} all whether it was about the whole list, and not what comes after */
function fail(error, all) {
  if (["q", "since", "until"].includes(error.field)) return complain("q", error.message);
  problem.textContent = error.message;
  if (all) faxes.clear(); // they are not what was asked for
}

function render() {
  const sorted = [...faxes.values()].sort((a, b) => b.id - a.id);
  for (const fax of sorted) {
    let row = rows.get(fax.id);
    if (!row) rows.set(fax.id, row = make("li", { class: "row", id: `fax-${fax.id}` }));
    refill(row, JSON.stringify(fax) + dayKey(new Date().toISOString()), (filled) => kind.fill(fax, filled));
  }
  const focused = goingFocus();
  /** @type {Map<string, Fax[]>} */
  const byDay = new Map();
  for (const fax of sorted) {
    const key = dayKey(fax.created);
    const ofDay = byDay.get(key);
    if (ofDay) ofDay.push(fax);
    else byDay.set(key, [fax]);
  }
  const sections = [...byDay].map(([key, ofDay]) => {
    const day = days.get(key) ?? newDay(key);
    day.heading.textContent = dayName(ofDay[0]?.created ?? "");
    arrange(day.items, kind.fold?.(ofDay, rows) ?? ofDay.flatMap(({ id }) => rows.get(id) ?? []));
    return day.section;
  });
  arrange(list, sections);
  for (const id of rows.keys()) if (!faxes.has(id)) rows.delete(id);
  if (focused) (focused.isConnected ? focused : links()[0] ?? element("main", HTMLElement)).focus();
  renderEnd();
}

/** Where the focus goes when the row that has it is about to leave. @returns {HTMLElement | null} */
function goingFocus() {
  const row = document.activeElement?.closest("li.row");
  if (!row || faxes.has(Number(row.id.slice(4)))) return null;
  const all = links();
  const at = all.findIndex((link) => row.contains(link));
  return all[at + 1] ?? all[at - 1] ?? element("main", HTMLElement);
}

/** @param {string} key */
function newDay(key) {
  const heading = make("h2", { class: "day", id: `day-${key}` });
  const items = make("ul", { class: "rows", "aria-labelledby": `day-${key}` });
  const day = { heading, items, section: make("section", null, heading, items) };
  days.set(key, day);
  return day;
}

function renderEnd() {
  const failed = Boolean(problem.textContent);
  const button = make("button", { type: "button", class: "button second" }, say(failed ? "tryAgain" : "showOlder"));
  if (failed) end.replaceChildren(once(button, () => (loaded && next !== null ? older() : load())));
  else if (next !== null) end.replaceChildren(once(button, older));
  else if (!loaded || faxes.size) end.replaceChildren(...(faxes.size > STEP ? [make("p", { class: "hint" }, say("listEnd"))] : []));
  else if (!isSearch(filters)) end.replaceChildren(make("p", { class: "nothing" }, kind.nothing(filters.show)));
  else {
    const clear = make("button", { type: "button", class: "button second", onclick: clearSearch }, say("clearSearch"));
    end.replaceChildren(make("div", { class: "nothing" }, make("p", null, make("b", null, say("nothingFound"))), make("p", null, say("nothingHint")), clear));
  }
}

function clearSearch() {
  toForm({ ...fromForm(), q: "", since: "", until: "" });
  search(true);
  element("q", HTMLInputElement).focus();
}

/** The links of the rows that can be seen, in their order. @returns {HTMLElement[]} */
function links() {
  const all = /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll("[data-walk]"));
  return [...all].filter((link) => link.checkVisibility());
}

/** Goes to the next or the previous row. @param {1 | -1} step */
export function walk(step) {
  const all = links();
  const row = document.activeElement?.closest("li");
  const at = all.findIndex((link) => row?.contains(link));
  const to = at < 0 ? (step > 0 ? 0 : -1) : Math.min(Math.max(at + step, 0), all.length - 1);
  const link = all.at(to);
  link?.focus();
  link?.closest("li")?.scrollIntoView({ block: "nearest" });
}

/** The fax whose row has the focus, if any. */
export function current() {
  const row = document.activeElement?.closest("li.row");
  return row ? faxes.get(Number(row.id.slice(4))) ?? null : null;
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let typing;
function listenToForm() {
  const words = element("q", HTMLInputElement);
  words.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => search(false), TYPING_MS); });
  form.addEventListener("change", (event) => { if (event.target !== words) search(true); });
  form.addEventListener("submit", (event) => { event.preventDefault(); search(true); });
  words.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); walk(1); }
    if (event.key === "Escape" && words.value) { event.preventDefault(); clearSearch(); }
  });
  element("clear", HTMLElement).addEventListener("click", clearSearch);
}

/** Looks for what the form says. @param {boolean} step whether the way back leads to what was shown before */
function search(step) {
  clearTimeout(typing);
  complain("q", "");
  const wanted = fromForm();
  const address = toAddress(wanted);
  if (address === location.pathname + location.search && !problem.textContent) return;
  if (step) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  filters = wanted;
  showAddress();
  void load({ count: 0 });
}

/** What stands elsewhere for the filters: the title, the export, the button that clears them. */
function showAddress() {
  setTitle(isSearch(filters) ? say("titleSearch", { words: filters.q || kind.title, list: kind.title }) : kind.title);
  const query = toQuery(filters, kind.direction);
  element("csv", HTMLAnchorElement).href = `/api/faxes.csv?${query}`;
  element("clear", HTMLElement).hidden = !isSearch(filters);
}

/** The way back, from a fax or elsewhere, leads to where one was; and a fax's page knows its neighbours. */
function remember() {
  const at = current()?.id ?? null;
  history.replaceState({ count: faxes.size, at, y: scrollY }, "");
  const order = links().flatMap((link) => Number(link.closest("li.row")?.id.slice(4)) || []);
  sessionStorage.setItem("nexefax.list", JSON.stringify({ address: location.pathname + location.search, order: order.slice(0, 1000) }));
}
