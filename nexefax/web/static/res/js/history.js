/** @file What is known of a fax, and what happened to it, in order. */
import { make } from "./dom.js";
import { writeNumber } from "./number.js";
import { say, sayCount } from "./say.js";
import { full, moment, time } from "./when.js";

/** @typedef {import("./types.js").WholeFax} WholeFax */
/** @typedef {import("./types.js").Attempt} Attempt */
/** @typedef {{at: string, words: string, more: string, bad?: boolean}} Entry */

/** So begin the lines that hold what the dialplan wrote, word for word. */
const REPORT = "Asterisk reported: ";

/** @param {WholeFax} fax @returns {HTMLElement[]} terms and their values */
export function facts(fax) {
  const own = fax.direction === "out";
  /** @type {[string, string | Node | null][]} */
  const known = [
    [say(own ? "to" : "from"), fax.name],
    [say("number"), fax.number && writeNumber(fax.number)],
    [say("station"), fax.station],
    [say(own ? "accepted" : "arrived"), time(fax.created, full)],
    [say("sendAt"), fax.send_at ? time(fax.send_at, full) : null],
    [say("factPages"), fax.pages ? String(fax.pages) : ""],
    [say("resolution"), fax.resolution === "fine" ? say("fine") : fax.resolution === "standard" ? say("standard") : fax.resolution],
    [say("speed"), fax.bitrate ? speed(fax.bitrate) : ""],
    [say("sentBy"), own ? fax.user : ""],
    [say("document"), own ? fax.document_name : ""],
    [say("subject"), fax.subject],
    [say("message"), fax.message],
    [say("resentFrom"), fax.resent_from ? link(fax.resent_from) : null],
    [say("repeats"), fax.repeat_of ? link(fax.repeat_of) : null],
    [say("readBy"), fax.readers.map(({ user, at }) => say("readerAt", { user, time: moment(at) })).join(", ")],
  ];
  return known.flatMap(([term, value]) => (value ? [make("dt", null, term), make("dd", null, value)] : []));
}

/** @param {number} id */
const link = (id) => make("a", { href: `/faxes/${id}` }, say("faxNumber", { fax: id }));

/** @param {number} bitrate */
const speed = (bitrate) => say("bits", { bits: bitrate.toLocaleString(document.documentElement.lang) });

/** @param {WholeFax} fax @returns {HTMLLIElement[]} */
export function timeline(fax) {
  /** @type {Entry[]} */
  const entries = fax.timeline.map(({ at, text }) => ({ at, words: text, more: "" }));
  for (const attempt of fax.attempts_made) {
    const about = new RegExp(`\\battempt ${attempt.number}\\b(?! begins)`);
    const entry = entries.find(({ at, words }) => at >= attempt.started && about.test(words));
    if (entry) entry.more = technical(attempt);
    else if (attempt.ended) {
      entries.push({ at: attempt.ended, words: say("attemptEnded", { number: attempt.number, sentence: attempt.sentence }), more: technical(attempt) });
    }
  }
  for (const mail of fax.mails) {
    const words = { received: say("mailReceived"), sent: say("mailSent"), failed: say("mailFailed"), forwarded: say("mailForwarded", { user: mail.user, address: mail.address }) }[mail.kind] ?? mail.kind;
    const what = { accepted: say("mailAccepted"), refused: say("mailRefused"), waiting: say("mailWaiting") }[mail.state] ?? mail.state;
    const next = mail.next_try && mail.error ? say("nextTry", { time: moment(mail.next_try) }) : "";
    entries.push({ at: mail.changed, words: `${words}: ${what}`, more: [mail.error, next].filter(Boolean).join("; "), bad: mail.state === "refused" });
  }
  return entries
    .map((entry, index) => ({ entry, index }))
    .sort((a, b) => a.entry.at.localeCompare(b.entry.at) || a.index - b.index)
    .map(({ entry }) => item(entry));
}

/** @param {Entry} entry */
function item({ at, words, more, bad }) {
  if (words.startsWith(REPORT)) {
    const details = make("details", null, make("summary", null, say("technical")), make("p", { class: "state-detail" }, words.slice(REPORT.length)));
    return make("li", null, time(at), details);
  }
  const first = words.charAt(0).toLocaleUpperCase(document.documentElement.lang) + words.slice(1);
  return make("li", bad ? { class: "bad" } : null, time(at), make("p", null, first, more && make("span", { class: "state-detail" }, more)));
}

/** Speed, kind of line, station: what somebody who looks for a fault wants to know. @param {Attempt} attempt */
function technical({ mode, bitrate, station, pages, first_page: firstPage, settings }) {
  return [
    mode, bitrate ? speed(bitrate) : "", station,
    pages ? sayCount("pages", pages) : "", firstPage > 1 ? say("fromPage", { page: firstPage }) : "", settings,
  ].filter(Boolean).join(" · ");
}
