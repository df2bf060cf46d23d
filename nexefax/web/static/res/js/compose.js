/** @file The compose page: fields, checks, sending, and what came of it. */
import * as draft from "./draft.js";
import { complain, element } from "./elements.js";
import { startFrame } from "./frame.js";
import { checkNumber, writeNumber } from "./number.js";
import * as paper from "./paper.js";
import { say } from "./say.js";
import { ask, signInAgain } from "./session.js";
import { transfer } from "./transfer.js";

const { account = "", user = "" } = document.body.dataset;
const owner = `${account}/${user}`;
const FIELDS = ["fax_to", "subject", "message"];

const form = element("compose", HTMLFormElement);
const to = element("fax_to", HTMLInputElement);
const toHint = element("fax_to-hint", HTMLElement);
const subject = element("subject", HTMLInputElement);
const message = element("message", HTMLTextAreaElement);
const requestId = element("request_id", HTMLInputElement);
const problem = element("problem", HTMLElement);
const live = element("live", HTMLElement);
const actions = element("actions", HTMLElement);
const send = element("send", HTMLButtonElement);
const bar = element("transfer-bar", HTMLProgressElement);
const barSays = element("transfer-say", HTMLElement);
const cancel = element("cancel", HTMLButtonElement);
const done = element("done", HTMLElement);

let sending = false;

void startFrame();
form.noValidate = true;
const sender = element("sender-number", HTMLElement);
sender.textContent = writeNumber(sender.textContent ?? "");
restore();
paper.listen(Number(form.dataset.mostBytes), changed);

form.addEventListener("input", (event) => {
  if (event.target instanceof HTMLElement && FIELDS.includes(event.target.id)) complain(event.target.id, "");
  changed();
});
to.addEventListener("input", hintAtNumber);
to.addEventListener("blur", () => { if (to.value.trim()) complain("fax_to", checkNumber(to.value).problem); });
form.addEventListener("submit", (event) => { event.preventDefault(); void submit(); });
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
element("leave", HTMLElement).addEventListener("click", draft.forget);
element("another", HTMLElement).addEventListener("click", (event) => { event.preventDefault(); startAgain(); });
addEventListener("beforeunload", (event) => { if (sending) event.preventDefault(); });

/** Another content is another fax: only an unchanged form is sent under the same key. */
function changed() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  requestId.value = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  problem.textContent = "";
  draft.keep({ owner, fax_to: to.value, subject: subject.value, message: message.value });
}

function restore() {
  const kept = draft.recall(owner);
  if (kept) [to.value, subject.value, message.value] = [kept.fax_to, kept.subject, kept.message];
  hintAtNumber();
}

function hintAtNumber() {
  const { number } = checkNumber(to.value);
  toHint.textContent = number ? say("toDials", { number: writeNumber(number) }) : say("toHint");
}

/** @returns {boolean} whether everything needed is there; otherwise it is said and focused */
function complete() {
  complain("fax_to", checkNumber(to.value).problem);
  complain("fax_file", paper.current() ? "" : say("documentMissing"));
  const wrong = form.querySelector("[aria-invalid]");
  if (wrong instanceof HTMLElement) wrong.focus();
  return !wrong;
}

async function submit() {
  if (sending || !complete()) return;
  busy(true);
  try {
    // A small question first: a session that ended is found before fifty megabytes have gone up the line.
    const status = await ask("/api/status", {});
    if (status.ok) await deliver();
    else if (status.expired) await renew();
    else problem.textContent = status.error;
  } finally {
    busy(false);
  }
  if (!done.hidden) return element("done-title", HTMLElement).focus();
  if (problem.textContent) problem.scrollIntoView({ block: "nearest" });
  if (document.activeElement === document.body) send.focus(); // it was hidden while sending, and so lost the focus
}

/** The session has ended: sign in here, then go on as if nothing had happened. */
async function renew() {
  if (await signInAgain(account, user)) await deliver();
  else problem.textContent = say("expiredStay");
}

async function deliver() {
  const file = paper.current();
  if (!file) return;
  const content = new FormData(form);
  content.set("fax_file", file, file.name);
  const upload = transfer(content, progress);
  cancel.onclick = upload.cancel;
  const ending = await upload.ending;
  switch (ending.kind) {
    case "sent": return finish(ending.fax, file.name);
    case "expired": return renew();
    case "cancelled": live.textContent = say("cancelled"); return;
    case "lost": problem.textContent = await lost(file); return;
    case "refused":
      if (FIELDS.includes(ending.field) || ending.field === "fax_file") {
        complain(ending.field, ending.error);
        element(ending.field, HTMLElement).focus();
      } else problem.textContent = ending.error;
  }
}

/**
 * Why the connection broke: perhaps because the file is no longer what it was.
 * @param {File} file
 */
async function lost(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return say("lost");
  } catch {
    paper.clear();
    return say("documentGone", { name: file.name });
  }
}

/** @param {number} share */
function progress(share) {
  bar.value = share;
  barSays.textContent = share < 1 ? say("uploading", { percent: Math.floor(share * 100) }) : say("handing");
  cancel.hidden = share === 1; // the server may have it already: what can't be undone is not offered
}

/** @param {boolean} now */
function busy(now) {
  sending = now;
  document.body.classList.toggle("sending", now);
  send.setAttribute("aria-disabled", String(now));
  for (const part of form.querySelectorAll(".part")) part.toggleAttribute("inert", now);
  element("transfer", HTMLElement).hidden = !now;
  actions.hidden = now;
  cancel.hidden = true;
  bar.removeAttribute("value");
  barSays.textContent = say("checking");
  if (now) {
    problem.textContent = "";
    live.textContent = say("checking");
  }
}

/**
 * @param {number | null} fax
 * @param {string} name
 */
function finish(fax, name) {
  element("done-title", HTMLElement).textContent = fax === null ? say("doneTitlePlain") : say("doneTitle", { fax });
  element("done-to", HTMLElement).textContent = writeNumber(checkNumber(to.value).number);
  element("done-document", HTMLElement).textContent = name;
  form.reset();
  paper.clear();
  hintAtNumber();
  changed();
  draft.forget();
  form.hidden = true;
  done.hidden = false;
}

function startAgain() {
  done.hidden = true;
  form.hidden = false;
  to.focus();
}
