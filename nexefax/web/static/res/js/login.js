/** @file The sign-in page. */
import { element } from "./elements.js";
import { say } from "./say.js";
import { signIn } from "./session.js";

const LAST_ACCOUNT = "nexefax.account";

const form = element("login", HTMLFormElement);
const account = element("account", HTMLInputElement);
const user = element("user", HTMLInputElement);
const password = element("password", HTMLInputElement);
const problem = element("problem", HTMLElement);
const submit = element("submit", HTMLButtonElement);
const next = element("next", HTMLInputElement);
const reveal = element("reveal", HTMLButtonElement);

form.noValidate = true;
reveal.hidden = false;
account.value ||= localStorage.getItem(LAST_ACCOUNT) ?? "";
[account, user, password].find((field) => !field.value)?.focus();

reveal.addEventListener("click", () => {
  const shown = password.type === "text";
  password.type = shown ? "password" : "text";
  reveal.textContent = say(shown ? "showPassword" : "hidePassword");
  reveal.setAttribute("aria-pressed", String(!shown));
  password.focus();
});

let waiting = false;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (waiting) return;
  const empty = [account, user, password].find((field) => !field.value);
  if (empty) {
    problem.textContent = say("missingLogin");
    return empty.focus();
  }
  busy(true);
  problem.textContent = "";
  const error = await signIn(account.value, user.value, password.value);
  if (error) {
    busy(false);
    problem.textContent = error;
    return password.select();
  }
  localStorage.setItem(LAST_ACCOUNT, account.value);
  location.replace(next.value || "/send"); // the server fills it in, with addresses of its own alone
});

/** @param {boolean} now */
function busy(now) {
  waiting = now;
  submit.setAttribute("aria-disabled", String(now));
  submit.textContent = say(now ? "signingIn" : "signIn");
}
