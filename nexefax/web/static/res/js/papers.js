/** @file The documents: chosen, dropped or pasted, on their way, and those that the server has, in sending order. */
import { make, icon } from "./dom.js";
import * as drops from "./drops.js";
import { complain, element } from "./elements.js";
import { say, sayCount, size } from "./say.js";
import { announce, keepText, late, tool } from "./tools.js";
import { signInNow } from "./api.js";

/**
 * @typedef {import("./draft.js").Paper} Paper
 * @typedef {{file: File, row: HTMLLIElement, state: "waiting" | "going" | "stopped", cancel: () => void}} Going
 */

const input = element("fax_file", HTMLInputElement);
const drop = element("drop", HTMLElement);
const list = element("papers", HTMLOListElement);

/** @type {import("./draft.js").Draft} */
let draft;
let mostBytes = 0;
let changed = () => {};
/** @type {Going[]} chosen, and not on the server yet */
let going = [];
/** @type {Map<number, HTMLLIElement>} */
const rows = new Map();
let reorderable = false;
let looking = Promise.resolve();
/** @type {Promise<void>} one document goes up after the other, so that the first is there soon */
let line = Promise.resolve();

/** How many documents are still on their way. */
export const underWay = () => going.filter(({ state }) => state !== "stopped").length;
/** Fulfilled when none is on its way any more. */
export const settled = () => line;
/** Whether one did not arrive, and may be tried again. */
export const stopped = () => going.some(({ state }) => state === "stopped");

/**
 * @param {import("./draft.js").Draft} theDraft
 * @param {number} most bytes that the server takes of one document
 * @param {() => void} listener called when documents come, go or stop
 */
export function listen(theDraft, most, listener) {
  [draft, mostBytes, changed] = [theDraft, most, listener];
  input.multiple = true; // without scripts the form takes one
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    input.value = ""; // the same file may be chosen again
    take(files);
  });
  drops.listen(take);
}

/** Fulfilled when what was chosen has been looked at, and is on its way or was refused. */
export const looked = () => looking;

/** @param {File[]} files */
function take(files) {
  looking = looking.then(() => look(files));
}

/** @param {File[]} files */
async function look(files) {
  const problems = [];
  const good = [];
  for (const file of files) {
    const problem = await judge(file);
    if (problem) problems.push(problem);
    else good.push(file);
  }
  if (files.length) complain("fax_file", problems.join(" "));
  for (const file of good) enqueue(file);
}

/**
 * @param {File} file
 * @returns {Promise<string>} why it can't be faxed, "" when it can
 */
async function judge(file) {
  const { name } = file;
  if (file.size > mostBytes) return say("documentLarge", { name, size: size(file.size), most: size(mostBytes) });
  try {
    if (!file.size) await file.slice(0, 1).arrayBuffer(); // a folder has no bytes either, and can't be read
    else {
      const kind = await import("./kind.js").catch(() => null); // without a line: the upload will tell
      if (kind && !(await kind.isFaxable(file))) return say("documentKind", { name });
    }
  } catch {
    return say("documentGone", { name });
  }
  return file.size ? "" : say("documentEmpty", { name });
}

/** @param {File} file */
function enqueue(file) {
  /** @type {Going} */
  const entry = { file, row: make("li", { class: "paper" }), state: "waiting", cancel: () => {} };
  going.push(entry);
  list.append(entry.row);
  arrange();
  send(entry);
}

/** @param {Going} entry */
function send(entry) {
  entry.state = "waiting";
  let wanted = true;
  const bar = make("progress", { max: 1, "aria-label": say("uploadOf", { name: entry.file.name }) });
  const words = make("span", null, say("uploadWaits"));
  const stop = tool("close", say("uploadStop", { name: entry.file.name }), () => { wanted = false; entry.cancel(); });
  fill(entry.row, entry.file.name, words, bar, stop);
  /** @param {number} share */
  const progress = (share) => {
    bar.value = share;
    keepText(words, share < 1 ? say("uploading", { percent: Math.floor(share * 100) }) : say("uploadChecked"));
    if (share === 1) bar.removeAttribute("value");
  };
  entry.cancel = () => dropOut(entry);
  line = line.then(async () => {
    try {
      if (wanted) await deliver(entry, progress);
    } catch { // not even what uploads could be fetched
      halt(entry, say("unreachable"));
    }
    changed();
  });
  changed();
}

/**
 * @param {Going} entry
 * @param {(share: number) => void} progress
 * @returns {Promise<void>}
 */
async function deliver(entry, progress) {
  entry.state = "going";
  const made = await draft.ensure(false);
  if (!going.includes(entry)) return; // stopped meanwhile
  if (!made.ok) return halt(entry, made.error);
  const { name } = entry.file;
  const { upload } = await late("upload.js", () => import("./upload.js"));
  const { turn } = draft;
  const before = new Set(draft.known?.documents.map(({ number }) => number));
  /** The server may have it although its answer did not come. */
  const arrived = async () => {
    const now = turn === draft.turn ? await draft.refresh() : null; // the page may have gone on to another fax
    /** @type {Paper[]} */
    const documents = now?.ok ? now.data.documents : [];
    return documents.find((paper) => !before.has(paper.number) && paper.size === entry.file.size);
  };
  for (let late;;) {
    const { ending, cancel } = upload(draft.path("/documents"), entry.file, progress);
    entry.cancel = cancel;
    const end = await ending;
    switch (end.kind) {
      case "taken":
        gone(entry);
        draft.take(end.data);
        return announce(say("added", { name, size: size(entry.file.size) }));
      case "cancelled":
        dropOut(entry);
        late = await arrived();
        if (late) await draft.drop(late.number);
        return;
      case "refused":
        if (end.status === 400 || end.status === 413) return refuse(entry, end.error);
        return halt(entry, end.error);
      case "lost":
        if (!(await arrived())) return lost(entry);
        gone(entry);
        return announce(say("added", { name, size: size(entry.file.size) }));
      case "expired": if (!(await signInNow())) return halt(entry, say("expiredStay"));
    }
  }
}

/**
 * Why the connection broke: perhaps because the file is no longer what it was.
 * @param {Going} entry
 */
async function lost(entry) {
  try {
    await entry.file.slice(0, 1).arrayBuffer();
    halt(entry, say("uploadLost"));
  } catch {
    refuse(entry, say("documentGone", { name: entry.file.name }));
  }
}

/**
 * It did not arrive, for a reason that may pass: it stays, and can be tried again.
 * @param {Going} entry
 * @param {string} error
 */
function halt(entry, error) {
  const { name } = entry.file;
  const focused = entry.row.contains(document.activeElement);
  entry.state = "stopped";
  const again = make("button", { type: "button", class: "button quiet", onclick: () => { send(entry); input.focus(); } }, say("tryAgain"));
  const away = tool("close", say("removeDocument", { name }), () => dropOut(entry));
  fill(entry.row, name, make("span", { class: "error", role: "alert" }, error), again, away);
  if (focused) again.focus();
  changed();
}

/**
 * The server takes no such document: said beside the field, as it says of itself what it is.
 * @param {Going} entry
 * @param {string} error
 */
function refuse(entry, error) {
  const { name } = entry.file;
  gone(entry);
  complain("fax_file", error.includes(name) ? error : say("documentRefused", { name, error }));
}

/** @param {Going} entry */
function dropOut(entry) {
  gone(entry);
  announce(say("uploadStopped", { name: entry.file.name }));
  changed();
}

/** @param {Going} entry */
function gone(entry) {
  const focused = entry.row.contains(document.activeElement);
  entry.row.remove();
  going = going.filter((one) => one !== entry);
  arrange();
  if (focused) input.focus();
}

/** Forgets what has not gone up. */
export function clear() {
  for (const entry of [...going]) {
    entry.row.remove();
    going = going.filter((one) => one !== entry);
    entry.cancel();
  }
  complain("fax_file", "");
  show(null);
}

/** @param {import("./draft.js").DraftData | null} data */
export function show(data) {
  const papers = data?.documents ?? [];
  const numbers = new Set(papers.map(({ number }) => number));
  for (const [number, row] of rows) {
    if (numbers.has(number)) continue;
    row.remove();
    rows.delete(number);
  }
  papers.forEach((paper, at) => {
    const row = rows.get(paper.number) ?? add(paper);
    if (list.children[at] !== row && !list.querySelector(".dragged")) keepFocus(() => list.insertBefore(row, list.children[at] ?? null));
    update(row, paper);
  });
  arrange();
}

/** @param {Paper} paper */
function add(paper) {
  const { number, name } = paper;
  const row = make("li", { class: "paper", "data-number": number });
  const handle = make("span", { class: "handle", title: say("dragHint"), "aria-hidden": "true" }, icon("grip"));
  const words = make("span");
  const move = (/** @type {number} */ by) => () => {
    const rowsNow = [...list.querySelectorAll("[data-number]")];
    const other = rowsNow[rowsNow.indexOf(row) + by];
    if (!other) return;
    keepFocus(() => list.insertBefore(row, by < 0 ? other : other.nextSibling));
    reordered();
    announce(say("moved", { name, at: [...list.children].indexOf(row) + 1 }));
  };
  fill(row, name, words,
    make("span", { class: "moves" }, tool("up", say("moveUp", { name }), move(-1)), tool("down", say("moveDown", { name }), move(1))),
    tool("close", say("removeDocument", { name }), () => void remove(paper)));
  row.prepend(handle);
  rows.set(number, row);
  return row;
}

/**
 * @param {HTMLLIElement} row
 * @param {Paper} paper
 */
function update(row, { size: bytes, state, pages, reason, notes }) {
  const words = row.querySelector(".paper-words span");
  if (!words) return;
  const count = pages === null ? "" : sayCount("pages", pages);
  const told = state === "refused" ? [reason] : [count || say("reading"), bytes ? size(bytes) : "", ...notes];
  if (state === "rendering" && pages !== null) told.push(say("drawing"));
  words.className = state === "refused" ? "error" : "";
  keepText(words, told.filter(Boolean).join(" · "));
}

/**
 * A row: a picture of a sheet, the name, words below it, and what can be done.
 * @param {HTMLElement} row
 * @param {string} name
 * @param {HTMLElement} words
 * @param {...HTMLElement} controls
 */
function fill(row, name, words, ...controls) {
  const bar = controls.find((control) => control instanceof HTMLProgressElement);
  const buttons = controls.filter((control) => control !== bar);
  row.replaceChildren(icon("page"), make("div", { class: "paper-words" }, make("b", { title: name }, name), words, bar), make("div", { class: "paper-tools" }, ...buttons));
}

/** @param {() => void} move an element that is moved in the page loses the focus */
function keepFocus(move) {
  const focused = document.activeElement;
  move();
  if (focused instanceof HTMLElement && focused !== document.activeElement) focused.focus({ preventScroll: true });
}

function reordered() {
  const order = [...list.querySelectorAll("[data-number]")].map((row) => Number(row instanceof HTMLElement && row.dataset.number));
  const known = draft.shown?.documents.map(({ number }) => number) ?? [];
  if (order.length === known.length && order.some((number, at) => number !== known[at])) draft.edit({ order });
  arrange();
}

/** @param {Paper} paper */
async function remove({ number, name }) {
  const row = rows.get(number);
  const next = row?.nextElementSibling ?? row?.previousElementSibling;
  const dropped = draft.drop(number);
  show(draft.shown); // now, and not with the next picture: its button has the focus
  const goal = next?.querySelector(".paper-tools > button");
  (goal instanceof HTMLElement ? goal : input).focus();
  announce(say("removedDocument", { name }));
  complain("fax_file", ""); // it may have been about this one
  const answer = await dropped;
  if (!answer.ok) complain("fax_file", answer.error);
}

/** What depends on how many there are. */
function arrange() {
  const filled = list.childElementCount > 0;
  list.hidden = !filled;
  list.classList.toggle("several", rows.size > 1);
  if (rows.size > 1 && !reorderable) {
    reorderable = true;
    void import("./reorder.js").then(({ listen: drag }) => drag(list, reordered));
  }
  drop.classList.toggle("small", filled);
  input.required = !filled;
}
