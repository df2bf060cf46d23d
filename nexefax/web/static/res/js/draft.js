/** @file What is typed survives a reload and an expired session; kept in this tab only, for this user only. */

const KEY = "nexefax.draft";
/** @typedef {{owner: string, fax_to: string, subject: string, message: string}} Draft */

/** @param {Draft} draft */
export function keep(draft) {
  sessionStorage.setItem(KEY, JSON.stringify(draft));
}

export function forget() {
  sessionStorage.removeItem(KEY);
}

/**
 * @param {string} owner
 * @returns {Draft | null}
 */
export function recall(owner) {
  const draft = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  return draft?.owner === owner ? draft : null;
}
