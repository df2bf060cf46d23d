/** @file Whether another tab of this browser has a draft open: a tab that was duplicated begins a fax of its own. */

/** A tab that lives answers within a millisecond or two. */
const PATIENCE = 60;
const channel = new BroadcastChannel("nexefax.drafts");
const me = crypto.getRandomValues(new Uint32Array(2)).join("-");

/** @param {() => string} mine the draft that is open here */
export function answer(mine) {
  channel.addEventListener("message", ({ data }) => {
    if (data.asks && data.draft && data.draft === mine()) channel.postMessage({ answers: data.asks });
  });
}

/**
 * @param {string} draft
 * @returns {Promise<boolean>}
 */
export function isOpenElsewhere(draft) {
  return new Promise((resolve) => {
    const heard = new AbortController();
    /** @param {boolean} open */
    const end = (open) => { heard.abort(); resolve(open); };
    channel.addEventListener("message", ({ data }) => { if (data.answers === me) end(true); }, heard);
    channel.postMessage({ asks: me, draft });
    setTimeout(end, PATIENCE, false);
  });
}
