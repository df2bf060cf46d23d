/** @file The compose page: fields, checks, sending, and what came of it. */
import { follow } from "./live.js";
import { get, signInNow } from "./api.js";
import { Draft } from "./draft.js";
import { complain, element } from "./elements.js";
import { startFrame } from "./frame.js";
import { writeNumber } from "./number.js";
import * as options from "./options.js";
import * as papers from "./papers.js";
import * as recipients from "./recipients.js";
import { say, sayCount } from "./say.js";
import * as tabs from "./tabs.js";
import { announce, keepText, late } from "./tools.js";
import { duration } from "./minutes.js";
import { moment } from "./when.js";

/** @typedef {import("./draft.js").Changes} Changes */
/** @typedef {import("./draft.js").DraftData} DraftData */

const { account = "", user = "" } = document.body.dataset;
const form = element("compose", HTMLFormElement);
const subject = element("subject", HTMLInputElement);
const message = element("message", HTMLTextAreaElement);
const problem = element("problem", HTMLElement);
const send = element("send", HTMLButtonElement);
const discard = element("discard", HTMLButtonElement);
const saved = element("saved", HTMLElement);
const barSays = element("transfer-say", HTMLElement);
const cancel = element("cancel", HTMLButtonElement);

/** @type {Record<import("./draft.js").Saving, string>} */
const SAVING = {
  saved: say("savingSaved"), saving: say("savingNow"), refused: say("savingRefused"), offline: say("savingOffline"), out: say("savingOut"),
};

/** Where it is said what is wrong with a field, as the API calls it. @type {Record<string, string>} */
const PLACES = { recipients: "fax_to", documents: "fax_file", document: "fax_file", pages: "fax_file", order: "fax_file", subject: "subject", message: "message", send_at: "send_at" };

let sending = false;
let opening = false;
let stopped = false;
let drawing = 0;
/** @type {typeof import("./preview.js") | null} what shows the pages, fetched with the first document */
let preview = null;
let fetching = false;
/** What the account has by itself: a new fax begins with it. */
let usual = { cover: false, covers_possible: true, resolution: "fine" };

const draft = new Draft(`${account}/${user}`, {
  changed: () => { drawing ||= requestAnimationFrame(draw); },
  saving: (state) => keepText(saved, draft.empty ? "" : SAVING[state]),
  refused: (field, error) => {
    const place = PLACES[field.split(".")[0] ?? ""];
    if (place) complain(place, error);
    else problem.textContent = error;
  },
  gone: (sent, changed) => {
    if (!sent) startOver(say("draftGone"));
    else if (!sending) void learnWhatBecame(changed); // whoever is sending is about to be told
  },
});

void startFrame();
void follow({ state: (state) => { if (state === "on") draft.resume(); } });
form.noValidate = true;
const sender = element("sender-number", HTMLElement);
sender.textContent = writeNumber(sender.textContent ?? "");
listen();
void begin();

function listen() {
  recipients.listen(() => { complain("fax_to", ""); edit({ recipients: recipients.all() }); });
  papers.listen(draft, Number(form.dataset.mostBytes), () => draft.listener.changed());
  options.listen(edit);
  subject.addEventListener("input", () => { complain("subject", ""); edit({ subject: subject.value }); });
  message.addEventListener("input", () => { complain("message", ""); edit({ message: message.value }); });
  form.addEventListener("submit", (event) => { event.preventDefault(); void submit(); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || form.hidden || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    void submit();
  });
  cancel.addEventListener("click", () => { stopped = true; });
  discard.addEventListener("click", () => void askToDiscard());
  element("leave", HTMLElement).addEventListener("click", () => draft.leave());
  element("another", HTMLElement).addEventListener("click", (event) => { event.preventDefault(); startOver(""); });
  addEventListener("beforeunload", (event) => { if (sending || papers.underWay()) event.preventDefault(); });
  tabs.answer(() => draft.id);
}

/** @param {Changes} changes */
function edit(changes) {
  problem.textContent = "";
  element("unfinished", HTMLElement).hidden = true;
  draft.edit(changes);
}

/** What this tab had open, or an empty page. */
async function begin() {
  const knowing = get("/api/me", { quiet: true }).then((me) => { usual = me; }).catch(() => {});
  const { id, waiting } = draft.recall();
  if (id) await whileHeld(() => recall(id, waiting, knowing));
  else {
    restore(waiting);
    const early = { ...typedEarly(), ...waiting };
    if (Object.keys(early).length) draft.edit(early);
    await knowing;
    options.setUp(usual);
    options.show(draft.waiting); // what was chosen meanwhile
  }
  if (!draft.empty) return;
  const { drafts } = await get("/api/drafts", { quiet: true }).catch(() => ({ drafts: [] }));
  if (!drafts.length || !draft.empty) return;
  const { offer } = await import("./unfinished.js");
  offer(drafts, async (chosen) => {
    await whileHeld(() => open(chosen, {}));
    element("fax_to", HTMLElement).focus();
  });
}

/**
 * @param {string} id
 * @param {Changes} waiting what the server has not been told yet
 * @param {Promise<void>} knowing
 */
async function recall(id, waiting, knowing) {
  const elsewhere = await tabs.isOpenElsewhere(id);
  await knowing;
  options.setUp(usual);
  if (!elsewhere) return open(id, waiting);
  draft.forget();
  problem.textContent = say("openElsewhere");
}

/** What was typed before anything here listened. @returns {Changes} */
function typedEarly() {
  const typed = { recipients: recipients.all(), subject: subject.value, message: message.value };
  return Object.fromEntries(Object.entries(typed).filter(([, { length }]) => length));
}

/**
 * Nothing is typed into the page while what is to stand there is fetched: it would be another fax's.
 * @param {() => Promise<void>} fetching
 */
async function whileHeld(fetching) {
  const parts = form.querySelectorAll(".part");
  const active = document.activeElement;
  opening = true;
  keepText(saved, say("opening"));
  for (const part of parts) part.toggleAttribute("inert", true);
  try {
    await fetching();
  } finally {
    opening = false;
    if (saved.textContent === say("opening")) keepText(saved, "");
    for (const part of parts) part.toggleAttribute("inert", false);
    if (active instanceof HTMLElement && document.activeElement === document.body) active.focus();
  }
}

/**
 * @param {string} id
 * @param {Changes} waiting what the server has not been told yet
 */
async function open(id, waiting) {
  const answer = await draft.open(id, waiting);
  element("unfinished", HTMLElement).hidden = true;
  if (answer.ok) {
    restore(answer.data);
    restore(draft.waiting);
  } else if (answer.status === 404 || answer.status === 410) {
    draft.forget();
    problem.textContent = say("draftGone");
  } else if (answer.status === 409) {
    draft.id = id;
    await learnWhatBecame(false);
  } else problem.textContent = answer.error;
}

/** @param {Omit<Changes, "pages">} fields */
function restore(fields) {
  if (fields.recipients) recipients.restore(fields.recipients);
  if (fields.subject !== undefined) subject.value = fields.subject;
  if (fields.message !== undefined) message.value = fields.message;
  options.show(fields);
}

/** Shows what the draft is now. */
function draw() {
  drawing = 0;
  const shown = draft.shown;
  papers.show(shown);
  if (shown) options.show({ cover: shown.cover, resolution: shown.resolution });
  if (preview) preview.show(shown);
  else if (shown && pagesOf(shown).length) void fetchPreview();
  recipients.judge(shown?.recipients ?? []);
  if (shown?.cover) options.tellCover(shown.cover_problem, shown.notes);
  else options.tellCover("");
  total(shown);
  discard.hidden = draft.empty;
}

async function fetchPreview() {
  if (fetching) return;
  fetching = true;
  try {
    preview = await late("preview.js", () => import("./preview.js"));
    preview.listen((changes, said) => {
      options.show(changes);
      edit(changes);
      announce(said);
    });
    draw();
  } finally {
    fetching = false; // where it could not be fetched, it is tried again with the next change
  }
}

/** @param {DraftData} shown */
const pagesOf = (shown) => [...(shown.cover ? shown.cover_pages : []), ...shown.pages];

/** @param {DraftData | null} shown */
function total(shown) {
  const count = recipients.all().length;
  const pages = shown ? pagesOf(shown).filter(({ left_out }) => !left_out).length : 0;
  const all = pages ? sayCount("pages", pages) : "";
  const time = shown?.seconds ? duration(shown.seconds) : "";
  const words = all && time ? say(count > 1 ? "totalEach" : "total", { pages: all, time }) : all;
  keepText(element("total", HTMLElement), words);
  keepText(element("pages-title", HTMLElement), pages ? sayCount("pagesTitle", pages) : say("pagesAllOut"));
  const soon = papers.underWay() > 0 || Boolean(shown?.busy && shown.documents.length);
  keepText(element("early", HTMLElement), soon ? say(papers.underWay() ? "earlyUpload" : "early") : "");
  const at = options.sendAt();
  const label = at ? say("sendLater", { time: moment(at) }) : count > 1 ? sayCount("sendMany", count) : say("send");
  keepText(send.querySelector("span") ?? send, label);
}

async function submit() {
  if (sending || opening) return;
  if (draft.id && !draft.known) return learnWhatBecame(false);
  [sending, stopped] = [true, false];
  problem.textContent = "";
  await papers.looked();
  const ready = [recipients.complete(), options.complete(), hasDocument()];
  if (ready.includes(false)) {
    sending = false;
    return leadToFirst();
  }
  busy(true);
  /** @type {Refusal | null} */
  let refusal = null;
  try {
    refusal = await deliver();
  } finally {
    sending = false;
    busy(false);
  }
  if (!element("done", HTMLElement).hidden) return element("done-title", HTMLElement).focus();
  const active = document.activeElement; // what is hidden has lost the focus, or is about to
  if (!active || active === document.body || !active.checkVisibility()) send.focus();
  if (refusal) tell(refusal.field, refusal.error);
  if (problem.textContent) problem.scrollIntoView({ block: "nearest" });
}

function hasDocument() {
  const shown = draft.shown;
  const refused = shown?.documents.find(({ state }) => state === "refused");
  if (refused) {
    complain("fax_file", say("documentInTheWay", { name: refused.name }));
    return false;
  }
  const good = shown?.documents.some(({ state }) => state !== "refused") || papers.underWay() > 0;
  const some = good || Boolean(options.chosen().cover && message.value.trim());
  const wrong = !some ? say("documentMissing") : papers.stopped() ? say("uploadFailed") : "";
  complain("fax_file", wrong);
  return !wrong;
}

/** What is missing first on the page gets the focus. */
function leadToFirst() {
  const wrong = form.querySelector("#edit-number, [aria-invalid]");
  if (wrong instanceof HTMLElement) wrong.focus();
}

/**
 * @typedef {{field: string, error: string}} Refusal
 * @returns {Promise<Refusal | null>} why it was not sent; null when it was, or where that is known already
 */
async function deliver() {
  if (papers.underWay()) {
    barSays.textContent = say("waitsForUpload");
    await Promise.race([papers.settled(), stopping()]);
    if (stopped) {
      announce(say("notSent"));
      return null;
    }
    if (!hasDocument()) return { field: "documents", error: element("fax_file-error", HTMLElement).textContent ?? "" };
  }
  cancel.hidden = true; // the server may have it already: what can't be undone is not offered
  barSays.textContent = say("handing");
  const done = await fetchDone(); // before it is sent, so that it can be told that it was
  if (!done) return { field: "", error: say("unreachable") };
  const made = await draft.ensure(false);
  if (!made.ok) return { field: made.field, error: made.error };
  let answer = await draft.save();
  if (!answer.ok && answer.status === 401 && (await signInNow())) answer = await draft.save();
  if (answer.ok) answer = await draft.send();
  if (answer.ok) {
    finish(answer.data, "", done.show);
    return null;
  }
  if (!draft.id) return null; // it was told already what became of it
  if (answer.field === "documents") await draft.refresh();
  return { field: answer.field, error: [0, 502, 504].includes(answer.status) ? say("lost") : answer.error };
}

const fetchDone = () => late("done.js", () => import("./done.js")).catch(() => null);

/** @returns {Promise<void>} fulfilled when the person wants to stop */
function stopping() {
  return new Promise((resolve) => cancel.addEventListener("click", () => resolve(), { once: true }));
}

/**
 * It had been sent before, from here or from another tab.
 * @param {boolean} changed whether something was written after that
 */
async function learnWhatBecame(changed) {
  const { id } = draft;
  problem.textContent = "";
  const [answer, done] = await Promise.all([draft.send(), fetchDone()]);
  if (draft.id !== id) return; // the page has gone on
  if (answer.ok && done) finish(answer.data, changed ? say("sentBefore") : "", done.show);
  else if (!answer.ok && answer.status === 404) startOver(say("draftGone"));
  else problem.textContent = say("lost");
}

/**
 * Says an error where it belongs, and leads there.
 * @param {string} field as the API calls it
 * @param {string} error
 */
function tell(field, error) {
  const [name = "", at = ""] = field.split(".");
  const place = PLACES[name];
  if (name === "recipients") recipients.refuse(at ? Number(at) : -1, error);
  else if (name === "cover") options.refuseCover(error);
  else if (place) {
    complain(place, error);
    element(place, HTMLElement).focus();
  } else problem.textContent = error;
}

/** @param {boolean} now */
function busy(now) {
  document.body.classList.toggle("sending", now);
  send.setAttribute("aria-disabled", String(now));
  for (const part of form.querySelectorAll(".part")) part.toggleAttribute("inert", now);
  element("transfer", HTMLElement).hidden = !now;
  element("actions", HTMLElement).hidden = now;
  cancel.hidden = false;
  barSays.textContent = say("checking");
  if (now) announce(say("checking"));
}

/**
 * @param {{batch: string, faxes: import("./types.js").Fax[]}} sent
 * @param {string} note
 * @param {typeof import("./done.js").show} show
 */
function finish({ batch, faxes }, note, show) {
  empty();
  form.hidden = true;
  show(batch, faxes, note);
}

/** The page as it is at first. */
function empty() {
  draft.forget();
  form.reset();
  papers.clear();
  recipients.restore([]);
  options.setUp(usual);
  for (const field of ["subject", "message", "send_at"]) complain(field, "");
  keepText(saved, "");
  draw();
}

/** @param {string} sentence why, "" when that is known */
function startOver(sentence) {
  if (!sentence) empty();
  else {
    // What was written is still in the fields, and becomes another draft; the documents are gone.
    papers.clear();
    draft.edit({ recipients: recipients.all(), subject: subject.value, message: message.value, ...options.chosen() });
  }
  element("done", HTMLElement).hidden = true;
  form.hidden = false;
  problem.textContent = sentence;
  element("fax_to", HTMLElement).focus();
}

async function askToDiscard() {
  const dialog = element("discarding", HTMLDialogElement);
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "yes") return discard.focus();
  const gone = draft.id ? draft.act("DELETE", "") : null;
  startOver("");
  announce(say("discarded"));
  await gone;
}
