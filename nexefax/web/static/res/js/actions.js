/** @file What can be done with a fax, on the lists and on its own page. */
import { ApiError, get, post, remove, sentence } from "./api.js";
import { ask } from "./dialog.js";
import { checkNumber, writeNumber } from "./number.js";
import { say, sayCount } from "./say.js";
import { isScheduled, otherEnd } from "./states.js";
import { toast } from "./toast.js";

/** @typedef {import("./types.js").Fax} Fax */
/**
 * An action: either an address to go to or something to run, which tells what the fax is then.
 * @typedef {object} Action
 * @property {string} key
 * @property {string} shape
 * @property {string} label
 * @property {string} [href]
 * @property {boolean} [download]
 * @property {() => Promise<void>} [run]
 */

const ADDRESS = /^[^\s@<>,;]+@[^\s@<>,;]+$/;

/**
 * What can be done with it now, the usual first.
 * @param {Fax} fax
 * @param {(fax: Fax) => void} changed is told what became of it
 * @returns {Action[]}
 */
export function actionsOf(fax, changed) {
  const { id, can } = fax;
  const whole = fax.files && Boolean(fax.pages) && !fax.deleted;
  /** @type {(Action | false)[]} */
  const actions = [
    can.includes("restore") && { key: "restore", shape: "undo", label: say("restore"), run: () => restore(fax, changed) },
    can.includes("retry") && {
      key: "retry", shape: "again", label: say(isScheduled(fax) ? "sendNow" : "retryNow"),
      run: () => attempt(() => post(`/api/faxes/${id}/retry`), changed, say("retried")),
    },
    can.includes("cancel") && { key: "cancel", shape: "stopped", label: say("cancelFax"), run: () => cancel(fax, changed) },
    can.includes("resend") && { key: "resend", shape: "again", label: say("resend"), run: () => resend(fax, changed) },
    whole && { key: "pdf", shape: "page", label: say("pdf"), href: `/api/faxes/${id}/fax.pdf` },
    can.includes("forward") && { key: "mail", shape: "mail", label: say("forwardMail"), run: () => forwardByMail(fax, changed) },
    can.includes("forward") && { key: "fax", shape: "forward", label: say("forwardFax"), run: () => forwardAsFax(fax) },
    whole && { key: "tiff", shape: "save", label: say("tiff"), href: `/api/faxes/${id}/fax.tiff?download=1`, download: true },
    (fax.state === "sent" || fax.state === "failed") && !fax.deleted && {
      key: "report", shape: "done", label: say("report"), href: `/api/faxes/${id}/report.pdf`,
    },
    can.includes("read") && { key: "read", shape: "check", label: say("markRead"), run: () => mark(fax, "read", changed) },
    can.includes("unread") && { key: "unread", shape: "unread", label: say("markUnread"), run: () => mark(fax, "unread", changed) },
    can.includes("delete") && { key: "delete", shape: "bin", label: say("delete"), run: () => discard(fax, changed) },
  ];
  return actions.filter((action) => action !== false);
}

/**
 * Does something; what went wrong is said.
 * @param {() => Promise<Fax>} act
 * @param {(fax: Fax) => void} changed
 * @param {string} [done]
 */
async function attempt(act, changed, done = "") {
  try {
    changed(await act());
    if (done) toast(done);
  } catch (error) {
    toast(sentence(error), { bad: true });
  }
}

/** @param {Fax} fax @param {"read" | "unread"} as @param {(fax: Fax) => void} changed */
export const mark = (fax, as, changed) => attempt(() => post(`/api/faxes/${fax.id}/${as}`), changed);

/** @param {Fax} fax @param {(fax: Fax) => void} changed */
async function restore(fax, changed) {
  await attempt(() => post(`/api/faxes/${fax.id}/restore`), changed, say("restored", { fax: fax.id }));
}

/** @type {Set<number>} the faxes that are being deleted */
const going = new Set();

/** It is gone at once, and comes back where that failed. @param {Fax} fax @param {(fax: Fax) => void} changed */
async function discard(fax, changed) {
  const { id } = fax;
  if (going.has(id)) return;
  going.add(id);
  const deleted = remove(`/api/faxes/${id}`);
  const undo = () => deleted.then(() => restore(fax, changed), () => {});
  toast(say("deleted", { fax: id, who: otherEnd(fax).main }), { undo });
  changed({ ...fax, deleted: new Date().toISOString(), can: [] });
  try {
    changed(await deleted);
  } catch (error) {
    changed(await get(`/api/faxes/${id}`, { quiet: true }).catch(() => fax)); // only the answer may have been lost
    toast(sentence(error), { bad: true });
  } finally {
    going.delete(id);
  }
}

/** A key for what is asked for: asked again, since an answer was lost, it is done once. @returns {(wish: unknown) => string} */
function keys() {
  /** @type {Map<string, string>} */
  const known = new Map();
  return (wish) => {
    const text = JSON.stringify(wish);
    const key = known.get(text) ?? [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    known.set(text, key);
    return key;
  };
}

/** What runs is ended only when that is meant; what waits can be sent again. @param {Fax} fax @param {(fax: Fax) => void} changed */
async function cancel(fax, changed) {
  const act = () => post(`/api/faxes/${fax.id}/cancel`);
  if (fax.state !== "calling") return attempt(act, changed, say("faxCancelled", { fax: fax.id }));
  const done = await ask({
    title: say("cancelTitle", { who: otherEnd(fax).main }), text: say("cancelText"), go: say("cancelFax"), danger: true, act,
  });
  if (done) changed(done);
}

/** @param {Fax} fax @param {(fax: Fax) => void} changed */
async function resend(fax, changed) {
  const key = keys();
  const sent = await ask({
    title: say("resendTitle", { fax: fax.id }),
    text: say("resendText"),
    fields: [{ name: "number", label: say("to"), type: "tel", value: writeNumber(fax.number), missing: say("toMissing"), hint: say("resendHint"), most: 200 }],
    go: say("send"),
    act: ({ number = "" }) => {
      const checked = checkNumber(number);
      if (checked.problem) throw new ApiError(400, checked.problem, "number");
      return post(`/api/faxes/${fax.id}/resend`, { number: checked.number, request_id: key(checked.number) });
    },
  });
  if (!sent) return;
  changed(sent);
  toast(say("resent", { fax: sent.id, number: writeNumber(sent.number) }));
}

/** @param {Fax} fax @param {(fax: Fax) => void} changed */
async function forwardByMail(fax, changed) {
  const key = keys();
  /** @type {string[]} */
  let to = [];
  const done = await ask({
    title: say("forwardTitle", { fax: fax.id }),
    text: say("forwardText"),
    fields: [
      { name: "to", label: say("addresses"), type: "email", missing: say("addressMissing"), hint: say("addressHint"), autocomplete: "email" },
      { name: "note", label: say("note"), type: "area", optional: true, most: 2000 },
    ],
    go: say("forwardGo"),
    act: ({ to: typed = "", note = "" }) => {
      to = typed.split(/[\s,;]+/).filter(Boolean);
      const odd = to.find((address) => !ADDRESS.test(address));
      if (odd) throw new ApiError(400, say("addressOdd", { address: odd }), "to");
      return post(`/api/faxes/${fax.id}/forward`, { to, note, request_id: key([to, note]) });
    },
  });
  if (!done) return;
  changed(done);
  toast(sayCount("forwarded", to.length, { address: to[0] ?? "" }));
}

/** @param {Fax} fax */
async function forwardAsFax(fax) {
  try {
    const draft = await post("/api/drafts", { from_fax: fax.id });
    location.assign(`/send?draft=${encodeURIComponent(draft.id)}`);
  } catch (error) {
    toast(sentence(error), { bad: true });
  }
}
