/** @file Whether we are signed in, and signing in again without leaving the page. */
import { element } from "./elements.js";
import { say } from "./say.js";

/**
 * Posts a form to the API and tells what came back, in words where it failed.
 * @param {string} path
 * @param {Record<string, string>} fields
 * @returns {Promise<{ok: true, data: any} | {ok: false, expired: boolean, status: number, error: string}>}
 */
export async function ask(path, fields) {
  let response;
  try {
    // A signed-out call is answered by a redirect to the sign-in page; it must not be followed unseen.
    response = await fetch(path, { method: "POST", body: new URLSearchParams(fields), redirect: "manual" });
  } catch {
    return { ok: false, expired: false, status: 0, error: say("unreachable") };
  }
  if (response.type === "opaqueredirect") {
    return { ok: false, expired: true, status: 302, error: say("expiredStay") };
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok && answer.result === "ok") return { ok: true, data: answer.data };
  const error = answer.error ?? say("strange", { status: response.status });
  return { ok: false, expired: false, status: response.status, error };
}

/**
 * Signs in, with a friendlier sentence for wrong credentials than the API's fixed one.
 * @param {string} account
 * @param {string} user
 * @param {string} password
 * @returns {Promise<string>} what went wrong, "" when signed in
 */
export async function signIn(account, user, password) {
  const answer = await ask("/api/login", { account, user, password });
  if (answer.ok) return "";
  return answer.error === "Invalid Login Credentials" ? say("wrongLogin") : answer.error;
}

/**
 * Asks for the password in place. Everything on the page stays as it is.
 * @param {string} account
 * @param {string} user
 * @returns {Promise<boolean>} false when the person put it off
 */
export function signInAgain(account, user) {
  const dialog = element("expired", HTMLDialogElement);
  const form = element("expired-form", HTMLFormElement);
  const password = element("expired-password", HTMLInputElement);
  const problem = element("expired-problem", HTMLElement);
  element("expired-label", HTMLElement).textContent = `${say("password")} (${user}, ${account})`;
  element("expired-other", HTMLElement).textContent = say("expiredOther", { user });
  problem.textContent = "";
  password.value = "";
  dialog.showModal();
  password.focus();
  return new Promise((resolve) => {
    const listening = new AbortController();
    let waiting = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (waiting) return;
      waiting = true;
      problem.textContent = await signIn(account, user, password.value);
      waiting = false;
      if (problem.textContent) return password.select();
      finish(true);
    }, listening);
    element("expired-later", HTMLElement).addEventListener("click", () => finish(false), listening);
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); finish(false); }, listening);

    /** @param {boolean} signedIn */
    function finish(signedIn) {
      listening.abort();
      password.value = "";
      dialog.close();
      resolve(signedIn);
    }
  });
}
