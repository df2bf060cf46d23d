/** @file What a list shows: kept in the form, in the address, and asked of the API. */
import { element } from "./elements.js";
import { dayBegins } from "./when.js";

/** @typedef {import("./types.js").Fax} Fax */
/** @typedef {{q: string, show: string, since: string, until: string}} Filters `since` and `until` are days, the second included */

/** What each choice of the list asks the API for. @type {Record<string, Record<string, string>>} */
const SHOWS = {
  "": {},
  new: { unread: "1" },
  waiting: { state: "queued,rendering,ready,calling" },
  sent: { state: "sent" },
  failed: { state: "failed,cancelled" },
  bin: { deleted: "1" },
};

/** @returns {Filters} what the address says */
export function fromAddress() {
  const query = new URLSearchParams(location.search);
  const show = query.get("show") ?? "";
  const [since = "", until = ""] = ["since", "until"].map((name) => (dayBegins(query.get(name) ?? "") ? query.get(name) ?? "" : ""));
  return { q: query.get("q") ?? "", show: show in SHOWS ? show : "", since, until };
}

/** @returns {Filters} what the form says */
export function fromForm() {
  const chosen = document.querySelector('input[name="show"]:checked');
  const [q, since, until] = ["q", "since", "until"].map((id) => element(id, HTMLInputElement).value.trim());
  return { q: q ?? "", show: chosen instanceof HTMLInputElement ? chosen.value : "", since: since ?? "", until: until ?? "" };
}

/** @param {Filters} filters */
export function toForm({ q, show, since, until }) {
  element("q", HTMLInputElement).value = q;
  element("since", HTMLInputElement).value = since;
  element("until", HTMLInputElement).value = until;
  for (const choice of document.querySelectorAll('input[name="show"]')) {
    if (choice instanceof HTMLInputElement) choice.checked = choice.value === show;
  }
  if (since || until) element("dates", HTMLDetailsElement).open = true;
}

/** @param {Filters} filters @returns {string} the address of this page with them */
export function toAddress(filters) {
  const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
  return query.size ? `${location.pathname}?${query}` : location.pathname;
}

/** @param {Filters} filters @param {string} direction @returns {URLSearchParams} as the API wants them */
export function toQuery({ q, show, since, until }, direction) {
  const asked = { direction, q, since: dayBegins(since), until: dayBegins(until, 1), ...SHOWS[show] };
  return new URLSearchParams(Object.entries(asked).filter(([, value]) => value));
}

/** @param {Filters} filters @returns {boolean} whether something is searched for */
export const isSearch = ({ q, since, until }) => Boolean(q || since || until);

/** @param {Fax} fax @param {Filters} filters all but its words are looked at */
export function belongs(fax, { show, since, until }) {
  const asked = SHOWS[show] ?? {};
  return Boolean(fax.deleted) === (show === "bin")
    && (!asked.unread || fax.unread)
    && (!asked.state || asked.state.split(",").includes(fax.state))
    && (!since || fax.created >= dayBegins(since))
    && (!until || fax.created < dayBegins(until, 1));
}
