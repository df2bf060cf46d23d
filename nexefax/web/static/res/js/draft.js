/**
 * @file The fax being written, kept on the server: what is typed goes there soon, what could not go yet stays in this
 * tab, and what the person just did is shown before the server has said yes.
 */
import { ApiError, call, person } from "./api.js";

/**
 * @typedef {{number: string, name: string}} Recipient
 * @typedef {"auto" | "photo" | "text"} Tone
 * @typedef {{turn?: number, tone?: Tone, left_out?: boolean}} PageChoice
 * @typedef {{key: string, document: number, page: number, turn: number, tone: Tone, left_out: boolean, ready: boolean,
 *   image: string, width: number | null, length: number | null, across: number, down: number, seconds: number | null,
 *   slow: boolean}} Sheet
 * @typedef {{number: number, name: string, size: number, state: "rendering" | "ready" | "refused",
 *   pages: number | null, reason: string, notes: string[]}} Paper
 * @typedef {{recipients?: Recipient[], subject?: string, message?: string, cover?: boolean,
 *   resolution?: "fine" | "standard", send_at?: string | null, order?: number[],
 *   pages?: Record<string, PageChoice>}} Changes
 * @typedef {{id: string, created: string, changed: string, recipients: (Recipient & {problem: string})[],
 *   subject: string, message: string, cover: boolean, resolution: "fine" | "standard", send_at: string | null,
 *   documents: Paper[], pages: Sheet[], cover_pages: Sheet[], cover_problem: string, seconds: number | null,
 *   page_count: number, busy: boolean, notes: string[],
 *   sent: {batch: string, faxes: import("./types.js").Fax[]} | null}} DraftData
 * @typedef {{ok: true, data: any} | {ok: false, status: number, error: string, field: string}} Answer
 * @typedef {"saved" | "saving" | "refused" | "offline" | "out"} Saving
 */

const KEY = "nexefax.draft";
/** Long enough to gather a word, short enough that little is on its way when the tab closes. */
const SAVE_AFTER = 500;
/** Milliseconds between questions while pages are drawn: soon at first, since the first page is what people wait for. */
const ASK_AFTER = [150, 250, 400, 600, 1000];
const RETRY_AFTER = [2000, 4000, 8000, 15000, 30000];

/** One draft, or none yet: it is made with the first thing that is worth keeping. */
export class Draft {
  /**
   * @param {string} owner account and user, so that another one in this tab finds nothing
   * @param {{changed: () => void, saving: (state: Saving) => void, refused: (field: string, error: string) => void,
   *   gone: (sent: boolean, changed: boolean) => void}} listener
   */
  constructor(owner, listener) {
    this.owner = owner;
    this.listener = listener;
    this.id = "";
    /** @type {DraftData | null} what the server said last */
    this.known = null;
    /** @type {Changes} what it has not been told yet */
    this.waiting = {};
    /** @type {Changes} what it is being told */
    this.going = {};
    /** @type {Map<string, Answer>} what it refused, by the field; until that is written anew */
    this.refusals = new Map();
    /** @type {Set<number>} the documents that it is being told to drop */
    this.dropping = new Set();
    this.tries = 0;
    this.asked = 0;
    this.saveTimer = 0;
    this.askTimer = 0;
    this.asking = false;
    /** @type {Promise<unknown>} one request that changes something after the other, in the order they were made */
    this.line = Promise.resolve();
    /** @type {Promise<Answer> | null} */
    this.making = null;
    /** Counts the faxes that were written here, so that an answer about an earlier one is known as such. */
    this.turn = 0;
    this.closed = false;
    addEventListener("pagehide", () => this.rescue());
  }

  /** Whether there is anything that could be lost. */
  get empty() {
    return !this.id && !Object.keys(this.waiting).length && !Object.keys(this.going).length;
  }

  /** The draft as the person sees it: the server's, with everything on top that is still on its way. */
  get shown() {
    if (!this.known) return null;
    const { pages: choices = {}, order, cover = this.known.cover } = joined(this.going, this.waiting);
    const { resolution = this.known.resolution } = joined(this.going, this.waiting);
    const place = (/** @type {number} */ number) => order?.indexOf(number) ?? 0;
    const stays = (/** @type {number} */ number) => !this.dropping.has(number);
    const documents = this.known.documents.filter(({ number }) => stays(number)).sort((one, other) => place(one.number) - place(other.number));
    const pages = this.known.pages.filter((sheet) => stays(sheet.document))
      .map((sheet) => (choices[sheet.key] ? { ...sheet, ...choices[sheet.key] } : sheet));
    if (order) pages.sort((one, other) => place(one.document) - place(other.document) || one.page - other.page);
    return { ...this.known, documents, pages, cover, resolution };
  }

  /**
   * What this tab had open.
   * @returns {{id: string, waiting: Changes}}
   */
  recall() {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    const mine = kept?.owner === this.owner;
    const asked = new URL(location.href).searchParams.get("draft") ?? "";
    const waiting = mine && (!asked || asked === kept.id) ? kept.waiting : {};
    return { id: asked || (mine ? kept.id : ""), waiting };
  }

  /**
   * Goes on with a draft.
   * @param {string} id
   * @param {Changes} waiting
   * @returns {Promise<Answer>} status 409 when it has been sent
   */
  async open(id, waiting) {
    const answer = await ask("GET", `/api/drafts/${encodeURIComponent(id)}`);
    if (!answer.ok) return answer;
    if (answer.data.sent) return { ok: false, status: 409, error: "", field: "" };
    this.id = id;
    this.waiting = joined(waiting, this.waiting);
    this.closed = false;
    this.note();
    this.take(answer.data);
    if (Object.keys(this.waiting).length) this.later(0);
    return answer;
  }

  /** @param {Changes} changes */
  edit(changes) {
    if (this.closed) return;
    for (const field of Object.keys(changes)) this.refusals.delete(field);
    this.waiting = joined(this.waiting, changes);
    this.note();
    this.listener.saving("saving");
    this.listener.changed();
    this.later(SAVE_AFTER);
  }

  /**
   * Makes sure there is a draft on the server.
   * @param {boolean} [quiet] whether nobody waits for it
   * @returns {Promise<Answer>}
   */
  ensure(quiet = true) {
    this.making ??= this.id
      ? Promise.resolve({ ok: true, data: this.known })
      : this.make(quiet);
    return this.making;
  }

  /** @param {boolean} quiet @returns {Promise<Answer>} */
  async make(quiet) {
    const { turn } = this;
    const answer = await ask("POST", "/api/drafts", {}, quiet);
    if (turn !== this.turn) return { ok: false, status: 0, error: "", field: "" }; // begun and left meanwhile
    if (!answer.ok) {
      this.making = null; // tried anew next time
      return answer;
    }
    this.id = answer.data.id;
    this.note();
    this.take(answer.data);
    return answer;
  }

  /**
   * Tells the server everything it does not know yet.
   * @returns {Promise<Answer>} how that went
   */
  save() {
    clearTimeout(this.saveTimer);
    const saved = this.line.then(() => this.saveNow());
    this.line = saved;
    return saved;
  }

  /** @returns {Promise<Answer>} */
  async saveNow() {
    if (!Object.keys(this.waiting).length || this.closed) return this.saved();
    const { turn } = this;
    const made = await this.ensure();
    if (!made.ok) return turn === this.turn ? this.failed(made) : made;
    [this.going, this.waiting] = [this.fitting(this.waiting), {}];
    const answer = await ask("PATCH", this.path(), this.going);
    if (turn !== this.turn) return answer;
    const { going } = this;
    this.going = {};
    if (answer.ok) {
      this.tries = 0;
      this.take(answer.data);
      this.note();
      return this.saved();
    }
    if (answer.status !== 400 && answer.status !== 413) {
      this.waiting = joined(going, this.waiting);
      return this.failed(answer);
    }
    await this.refuse(answer, going);
    return this.saveNow();
  }

  /** @returns {Answer} how that stands: what was refused is so until it is written anew */
  saved() {
    const [refusal] = this.refusals.values();
    const waits = Object.keys(this.waiting).length > 0;
    if (this.known) this.listener.saving(waits ? "saving" : refusal ? "refused" : "saved");
    return refusal ?? { ok: true, data: this.known };
  }

  /**
   * One of the changes was refused, and would be for ever: the others are made without it.
   * @param {Extract<Answer, {ok: false}>} answer
   * @param {Changes} going
   */
  async refuse(answer, going) {
    const [said = ""] = answer.field.split(".");
    const field = /** @type {keyof Changes} */ (said in going ? said : Object.keys(going)[0]);
    const { [field]: refused, ...rest } = going;
    const { known } = this;
    const ofDocuments = field === "order" || field === "pages";
    if (ofDocuments) await this.refresh();
    if (String(numbers(known)) !== String(numbers(this.known))) Object.assign(rest, { [field]: refused }); // it may fit now
    else if (!(field in this.waiting)) {
      if (!ofDocuments) this.refusals.set(field, answer); // those are shown again as the server has them
      this.listener.refused(answer.field, answer.error);
    }
    this.waiting = joined(rest, this.waiting);
  }

  /**
   * Documents may have come or gone since somebody put them in order, or turned their pages.
   * @param {Changes} changes
   * @returns {Changes}
   */
  fitting({ order, pages, ...changes }) {
    const there = numbers(this.known);
    /** @type {Changes} */
    const fit = changes;
    if (pages) fit.pages = Object.fromEntries(Object.entries(pages).filter(([key]) => there.includes(parseInt(key))));
    if (order) {
      const kept = order.filter((number) => there.includes(number));
      fit.order = [...kept, ...there.filter((number) => !kept.includes(number))];
    }
    return fit;
  }

  /** @param {Answer} answer */
  failed(answer) {
    if (answer.ok) return answer;
    if (answer.status === 401) this.listener.saving("out");
    else if (answer.status === 404 || answer.status === 409 || answer.status === 410) this.lost(answer.status === 409);
    else {
      this.listener.saving("offline");
      this.later(RETRY_AFTER[Math.min(this.tries++, RETRY_AFTER.length - 1)] ?? 0);
    }
    return answer;
  }

  /** @param {boolean} sent */
  lost(sent) {
    const { id } = this;
    const changed = Object.keys(joined(this.going, this.waiting)).length > 0;
    this.forget();
    if (sent) this.id = id; // it can still be asked what became of it
    this.listener.gone(sent, changed);
  }

  /**
   * Changes the draft by something other than its fields, in turn with all other changes.
   * @param {string} method
   * @param {string} path below the draft's own
   * @param {unknown} [body]
   */
  act(method, path, body) {
    const address = this.path(path); // the page may have turned to another draft by then
    const done = this.line.then(async () => {
      const answer = await ask(method, address, body, false);
      if (answer.ok && answer.data?.id) this.take(answer.data);
      return answer;
    });
    this.line = done;
    return done;
  }

  /**
   * Drops a document: it is gone at once for the person, and stays where the server could not be told.
   * @param {number} number
   * @returns {Promise<Answer>}
   */
  async drop(number) {
    const { dropping } = this;
    dropping.add(number);
    this.listener.changed();
    let answer = await this.act("DELETE", `/documents/${number}`);
    if (!answer.ok) {
      const now = await this.refresh();
      if (now.ok && !numbers(now.data).includes(number)) answer = now; // only the answer was lost
    }
    dropping.delete(number);
    this.listener.changed();
    return answer;
  }

  /** Sends what the person sees: where the server has other documents, it does not. */
  send() {
    return this.act("POST", "/send", { documents: numbers(this.shown) });
  }

  /** Asks what the server has, where that is not certain. @returns {Promise<Answer>} */
  async refresh() {
    const { turn } = this;
    const answer = await ask("GET", this.path());
    if (turn !== this.turn) return { ok: false, status: 0, error: "", field: "" };
    if (answer.ok) this.take(answer.data);
    else if (answer.status === 404) this.lost(false);
    return answer;
  }

  /** @param {string} below */
  path(below = "") {
    return `/api/drafts/${encodeURIComponent(this.id)}${below}`;
  }

  /**
   * What the server says of the draft.
   * @param {DraftData} data
   */
  take(data) {
    if (data.id !== this.id) return;
    if (data.sent) return this.lost(true);
    const overtaken = this.known?.id === data.id && data.changed < this.known.changed; // on the way
    if (this.known && waits(data) < waits(this.known)) this.asked = 0;
    if (!overtaken) this.known = data;
    if (this.known?.busy && !this.asking) this.ask();
    this.listener.changed();
  }

  /** Asks again soon, until every page is there. */
  ask() {
    this.asking = true;
    clearTimeout(this.askTimer);
    this.askTimer = setTimeout(async () => {
      const { id } = this;
      const answer = id ? await ask("GET", this.path()) : null;
      if (id === this.id) this.asking = false;
      if (!answer || id !== this.id) return;
      if (answer.ok) this.take(answer.data);
      else if (answer.status === 401) this.listener.saving("out");
      else if (answer.status === 404) this.lost(false);
      else this.ask();
    }, ASK_AFTER[Math.min(this.asked++, ASK_AFTER.length - 1)]);
  }

  /** Goes on after the person has signed in again. */
  resume() {
    if (Object.keys(this.waiting).length) void this.save();
    if (this.known?.busy && !this.asking) this.ask();
  }

  /** @param {number} milliseconds */
  later(milliseconds) {
    clearTimeout(this.saveTimer);
    this.saveTimer = setTimeout(() => void this.save(), milliseconds);
  }

  /** Keeps in this tab which draft it is and what the server has not been told; and the id in the address. */
  note() {
    const waiting = joined(this.going, this.waiting);
    sessionStorage.setItem(KEY, JSON.stringify({ owner: this.owner, id: this.id, waiting }));
    const address = new URL(location.href);
    if (!this.id || address.searchParams.get("draft") === this.id) return;
    address.searchParams.set("draft", this.id);
    history.replaceState(null, "", address);
  }

  /** The tab goes away: what is not saved goes along as the last word. */
  rescue() {
    if (!this.id || !Object.keys(this.waiting).length) return;
    const body = JSON.stringify(this.waiting);
    const headers = { "Content-Type": "application/json", "NexeFax-Person": person };
    void fetch(this.path(), { method: "PATCH", headers, body, keepalive: true }).catch(() => {});
  }

  /** The person signs out: the draft waits on the server, and this tab knows nothing of it any more. */
  leave() {
    this.rescue();
    this.waiting = {};
    sessionStorage.removeItem(KEY);
  }

  /** Leaves the draft as it is and starts with an empty page. */
  forget() {
    clearTimeout(this.saveTimer);
    clearTimeout(this.askTimer);
    this.turn += 1;
    [this.id, this.known, this.making, this.waiting, this.going] = ["", null, null, {}, {}];
    [this.dropping, this.refusals] = [new Set(), new Map()]; // the next draft's documents have the same numbers
    [this.asking, this.tries, this.asked, this.closed] = [false, 0, 0, false];
    sessionStorage.removeItem(KEY);
    history.replaceState(null, "", location.pathname);
  }
}

/**
 * @param {Changes} earlier
 * @param {Changes} later
 * @returns {Changes}
 */
function joined(earlier, later) {
  const both = { ...earlier, ...later };
  if (!earlier.pages || !later.pages) return both;
  const pages = { ...earlier.pages };
  for (const [key, choice] of Object.entries(later.pages)) pages[key] = { ...pages[key], ...choice };
  return { ...both, pages };
}

/** The documents, in their order. @param {DraftData | null} data */
const numbers = (data) => data?.documents.map(({ number }) => number) ?? [];

/** @param {DraftData} data */
const waits = (data) => [...data.cover_pages, ...data.pages].filter((sheet) => !sheet.ready).length;

/**
 * Makes a call; what only keeps the page up to date asks for no password (`quiet`), since nobody waits for it.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {boolean} [quiet]
 * @returns {Promise<Answer>}
 */
async function ask(method, path, body, quiet = true) {
  try {
    return { ok: true, data: await call(method, path, { body, quiet }) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { ok: false, status: error.status, error: error.message, field: error.field };
  }
}
