/** @file Calls of the API under /api: JSON in and out, problems as sentences, and sessions renewed in place. */
import { say } from "./say.js";
import { signInAgain } from "./session.js";

const { account = "", user = "" } = document.body.dataset;
/** Whose page this is: another tab may have signed in as somebody else, in whose name nothing is to be done here. */
export const person = [account, user].map(encode).join("/");

/** As RFC 3986 has it: encodeURIComponent leaves more as it is. @param {string} part */
function encode(part) {
  return encodeURIComponent(part).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A call that was not fulfilled; `message` is a sentence for the person who asked. */
export class ApiError extends Error {
  /**
   * @param {number} status 0 when NexeFax could not be reached
   * @param {string} sentence
   * @param {string} [field] what of the request it is about, "" for none
   */
  constructor(status, sentence, field = "") {
    super(sentence);
    this.status = status;
    this.field = field;
  }
}

/**
 * @typedef {object} Options
 * @property {AbortSignal} [signal] stops the call; it is then rejected with an AbortError
 * @property {boolean} [quiet] something that nobody waits for: no password is asked for, and 401 is an ApiError at once
 */

/** @type {Promise<boolean> | null} */
let renewal = null;
/** @type {(() => void)[]} what goes on once somebody is signed in again */
const after = [];
/** @param {() => void} act done whenever a session was renewed */
export const whenRenewed = (act) => void after.push(act);

/** Asks for the password, once for all calls that need it. */
function renew() {
  renewal ??= signInAgain(account, user).then((renewed) => {
    renewal = null;
    if (renewed) for (const act of after) act();
    return renewed;
  });
  return renewal;
}

/** Asks for the password in place, now. @returns {Promise<boolean>} whether somebody is signed in again */
export const signInNow = renew;

/**
 * Makes a call and gives back what was answered, null for nothing. A session that ended is renewed, and the call made again.
 * @param {string} method
 * @param {string} path
 * @param {{body?: unknown, raw?: Blob} & Options} [options] `body` goes as JSON, `raw` as it is
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function call(method, path, { body, raw, signal, quiet = false } = {}) {
  for (;;) {
    const response = await reach(method, path, { body, raw, signal });
    if (response.ok) return response.status === 204 ? null : await read(response);
    const problem = await response.json().catch(() => ({}));
    if (response.status !== 401) {
      const sentence = problem.detail ?? problem.error ?? say("strange", { status: response.status });
      throw new ApiError(response.status, sentence, problem.field ?? "");
    }
    if (quiet || !(await renew())) throw new ApiError(401, say("expiredStay"));
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{body?: unknown, raw?: Blob, signal?: AbortSignal}} options
 */
async function reach(method, path, { body, raw, signal }) {
  /** @type {RequestInit} */
  const request = { method, signal, headers: { Accept: "application/json, application/problem+json", "NexeFax-Person": person } };
  if (raw) request.body = raw;
  else if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers = { ...request.headers, "Content-Type": "application/json" };
  }
  try {
    return await fetch(path, request);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, say("unreachable"));
  }
}

/** @param {Response} response */
async function read(response) {
  try {
    return await response.json();
  } catch {
    throw new ApiError(response.status, say("strange", { status: response.status }));
  }
}

/** @param {string} path @param {Options} [options] @returns {Promise<any>} */
export const get = (path, options) => call("GET", path, options);
/** @param {string} path @param {unknown} [body] @param {Options} [options] @returns {Promise<any>} */
export const post = (path, body = {}, options) => call("POST", path, { body, ...options });
/** @param {string} path @param {unknown} body @param {Options} [options] @returns {Promise<any>} */
export const put = (path, body, options) => call("PUT", path, { body, ...options });
/** @param {string} path @param {Options} [options] @returns {Promise<any>} */
export const remove = (path, options) => call("DELETE", path, options);

/**
 * The sentence for anything that was thrown; what is not a call's own error is a mistake of ours, and goes on.
 * @param {unknown} error
 */
export function sentence(error) {
  if (error instanceof ApiError) return error.message;
  throw error;
}
