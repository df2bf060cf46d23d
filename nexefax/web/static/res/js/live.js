/**
 * @file What happens, as it happens: server-sent events that go on where they broke off, and polling where a proxy
 * holds them back. A tab that nobody looks at listens to one that somebody does: browsers open few connections to one
 * server, and a dozen tabs must not use them up.
 */
import { ApiError, get, person, whenRenewed } from "./api.js";

/** @typedef {import("./types.js").Fax} Fax */
/** @typedef {import("./types.js").Counts} Counts */
/** @typedef {import("./types.js").Progress} Progress */
/**
 * "on": what happens is known within a second. "off": NexeFax can't be reached. "out": nobody is signed in any more.
 * @typedef {"on" | "off" | "out"} State
 */
/**
 * @typedef {object} Listener
 * @property {(fax: Fax) => void} [fax] it is new or different
 * @property {(counts: Counts) => void} [counts]
 * @property {(progress: Progress & {id: number}) => void} [progress] of a fax being sent
 * @property {() => void} [reset] too much has happened since: ask for everything again
 * @property {(state: State) => void} [state]
 */

/** The first event must be here by then, or something on the way holds them back. */
const FIRST_MS = 5000;
/** The server says something every 15 seconds; after this silence the line is dead. */
const SILENCE_MS = 40_000;
const POLL_MS = 3000;
/** Streams that failed before their first event, until polling takes their place; and so many polls until the next try. */
const MOST_FAILED = 3;
const POLLS = 40;
const RETRY_MS = [1000, 2000, 5000, 10_000];
const CHANNEL = "nexefax.live";
/** A tab that streams says so this often; another one relies on it for three times as long. */
const LEAD_MS = 5000;

/** @type {Set<Listener>} */
const listeners = new Set();
const { account, user, last: known } = document.body.dataset;
/** @type {number | null} the last change that is known here: at first the one that the page was made with, if it says */
let last = known ? Number(known) : null;
/** @type {State} */
let state = "on";
/** @type {EventSource | null} */
let stream = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** How often in a row NexeFax could not be reached, and how often a stream told nothing. */
let failures = 0;
let failed = 0;
let polls = 0;
/** When another tab said last that it streams. */
let led = 0;
let streaming = false;
const channel = new BroadcastChannel(`${CHANNEL}/${account}/${user}`);

/**
 * Listens from now on; the first call opens the line.
 * @param {Listener} listener
 * @returns {Promise<void>} fulfilled when whatever happens after that will be told
 */
export function follow(listener) {
  listeners.add(listener);
  listener.state?.(state);
  started ??= start();
  return started;
}

/** @type {Promise<void> | null} */
let started = null;

async function start() {
  channel.addEventListener("message", ({ data }) => hearTab(data));
  document.addEventListener("visibilitychange", () => { if (!document.hidden && !streaming) open(); });
  addEventListener("online", open);
  whenRenewed(open);
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  if (last === null) await poll();
  if (state === "on") open();
}

/** Opens the stream anew, at once. */
function open() {
  close();
  if (last === null) return void poll(true);
  stream = new EventSource(`/api/events?${new URLSearchParams({ after: String(last), person })}`);
  const opened = stream;
  wait(FIRST_MS, broken);
  for (const kind of ["fax", "counts", "progress", "reset", "beat"]) {
    stream.addEventListener(kind, (event) => {
      failures = failed = 0;
      streaming = true;
      wait(SILENCE_MS, open);
      const heard = { kind, data: parse(event.data), id: Number(event.lastEventId) || null, from: last };
      tell(heard);
      channel.postMessage(heard);
    });
  }
  // its own way of trying again would tell nothing of a session that ended
  stream.addEventListener("error", () => { if (stream === opened) broken(); });
}

function broken() {
  if (!streaming) failed += 1;
  close();
  void poll(true);
}

function close() {
  stream?.close();
  stream = null;
  streaming = false;
  clearTimeout(timer);
}

/** @param {number} ms @param {() => void} next */
function wait(ms, next) {
  clearTimeout(timer);
  timer = setTimeout(next, ms);
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {{kind: string, data: any, id: number | null}} heard */
function tell({ kind, data, id }) {
  // a reset may lead back: an older journal was restored
  if (id !== null) last = kind === "reset" ? id : Math.max(id, last ?? 0);
  become("on");
  for (const listener of listeners) {
    if (kind === "fax" && data) listener.fax?.(data);
    else if (kind === "counts" && data) listener.counts?.(data);
    else if (kind === "progress" && data) listener.progress?.(data);
    else if (kind === "reset") listener.reset?.();
  }
}

/**
 * Asks what has happened since; `again`: and goes on doing so, until the stream is worth another try.
 * @param {boolean} [again]
 */
async function poll(again = false) {
  const asked = last;
  try {
    const changes = await get(`/api/changes${asked === null ? "" : `?after=${asked}`}`, { quiet: true });
    failures = 0;
    if (changes.reset) tell({ kind: "reset", data: null, id: changes.last });
    for (const fax of changes.faxes ?? []) tell({ kind: "fax", data: fax, id: null });
    tell({ kind: "counts", data: changes.counts, id: changes.last });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) become("out");
    else if (error.status === 0 || error.status >= 500) become("off");
    failures += 1;
  }
  if (!again || stream) return;
  if (state === "out") return; // whoever signs in again opens the line
  if (state === "off") return wait(RETRY_MS[Math.min(failures, RETRY_MS.length) - 1] ?? POLL_MS, () => poll(true));
  polls += 1;
  if (failed < MOST_FAILED || polls % POLLS === 0) return open();
  wait(POLL_MS, () => poll(true));
}

/** @param {State} now */
function become(now) {
  if (state === now) return;
  state = now;
  for (const listener of listeners) listener.state?.(now);
}

/** What another tab of the same browser heard, or that it streams. @param {any} heard */
function hearTab(heard) {
  if (!document.hidden) return;
  led = Date.now();
  if (stream) {
    close();
    lookAfter();
  }
  // One that was opened just now begins with what this one has not heard of yet, or was about to hear.
  if (heard.from > (last ?? 0) || catching) void catchUp();
  else if (heard.kind !== "lead") tell(heard);
}

let catching = false;
let behind = false;
async function catchUp() {
  behind = catching;
  if (catching) return;
  catching = true;
  await poll();
  catching = false;
  if (behind) void catchUp();
}

/** The tab that streams may go: then this one must not miss what happens. */
function lookAfter() {
  wait(LEAD_MS, () => {
    if (Date.now() - led > 3 * LEAD_MS) open();
    else lookAfter();
  });
}

setInterval(() => { if (streaming && !document.hidden) channel.postMessage({ kind: "lead", from: last }); }, LEAD_MS);
