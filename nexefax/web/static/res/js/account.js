/** @file The account: password, sessions, tokens for programs, and the users for those who manage them. */
import { ApiError, get, post, put, remove, sentence } from "./api.js";
import { ask, once, show } from "./dialog.js";
import { icon, make } from "./dom.js";
import { element } from "./elements.js";
import { setTitle, startFrame } from "./frame.js";
import { browserName } from "./browser.js";
import { say } from "./say.js";
import { toast } from "./toast.js";
import { time } from "./when.js";

/** @typedef {{id: string, created: string, expires: string, address: string, agent: string, current: boolean}} Session */
/** @typedef {{id: number, name: string, scopes: string[], created: string, last_used: string | null, token?: string}} Token */
/** @typedef {{name: string, admin: boolean, you: boolean}} User */

const problem = element("problem", HTMLElement);

void start();

async function start() {
  void startFrame();
  setTitle(say("titleAccount"));
  listenToPassword();
  once(element("token-new", HTMLElement), newToken);
  once(element("user-new", HTMLElement), newUser);
  try {
    const me = await get("/api/me");
    element("version", HTMLElement).textContent = `${say("product")} ${me.version}`;
    await Promise.all([showSessions(), showTokens(), me.admin && showUsers()]);
    element("users-card", HTMLElement).hidden = !me.admin;
    element("cards", HTMLElement).hidden = false;
  } catch (error) {
    const again = make("button", { type: "button", class: "button second", onclick: () => location.reload() }, say("tryAgain"));
    problem.replaceChildren(sentence(error), " ", again);
  }
}

/**
 * A line of a list with its buttons.
 * @param {(HTMLElement | string | false | null)[]} words
 * @param {...HTMLElement} buttons
 */
function thing(words, ...buttons) {
  return make("li", { class: "thing" }, make("div", null, ...words), make("div", { class: "thing-tools" }, ...buttons));
}

/** @param {string} shape @param {string} words @param {() => Promise<unknown>} act */
function button(shape, words, act) {
  return once(make("button", { type: "button", class: "button quiet" }, icon(shape), make("span", null, words)), act);
}

/** @param {() => Promise<unknown>} act @param {string} [done] */
async function attempt(act, done = "") {
  try {
    await act();
    if (done) toast(done);
  } catch (error) {
    toast(sentence(error), { bad: true });
  }
}

/** Removes what may be gone already: the answer to it may have been lost. @param {string} path */
async function removed(path) {
  try {
    await remove(path);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  }
  return true;
}

function listenToPassword() {
  const form = element("password-form", HTMLFormElement);
  const [current, fresh, repeated] = /** @type {HTMLInputElement[]} */ (["current", "new", "repeated"].map((id) => element(id, HTMLInputElement)));
  const wrong = element("password-problem", HTMLElement);
  const go = element("password-go", HTMLButtonElement);
  if (!current || !fresh || !repeated) return;
  form.noValidate = true;
  let busy = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    const empty = [current, fresh, repeated].find((field) => !field.value);
    wrong.textContent = empty ? say("passwordMissing") : fresh.value !== repeated.value ? say("passwordDiffers") : "";
    if (wrong.textContent) return (empty ?? repeated).focus();
    busy = true;
    go.setAttribute("aria-disabled", "true");
    try {
      await put("/api/me/password", { current: current.value, new: fresh.value });
      form.reset();
      toast(say("passwordChanged"));
      void attempt(showSessions);
    } catch (error) {
      wrong.textContent = sentence(error);
      (error instanceof ApiError && error.field === "new" ? fresh : current).select();
    } finally {
      busy = false;
      go.removeAttribute("aria-disabled");
    }
  });
}

async function showSessions() {
  /** @type {{sessions: Session[]}} */
  const { sessions } = await get("/api/sessions");
  element("sessions", HTMLElement).replaceChildren(...sessions.map((session) => thing(
    [
      make("p", null, make("b", null, browserName(session.agent) || say("unknownBrowser")), session.current && make("span", { class: "chip good" }, icon("check"), say("thisSession"))),
      make("p", { class: "hint" }, `${session.address} · ${say("signedInAt")} `, time(session.created)),
    ],
    ...(session.current ? [] : [button("leave", say("endSession"), () => endSession(session))]),
  )));
  const others = sessions.some(({ current }) => !current);
  const all = button("leave", say("endOthers"), async () => {
    await attempt(() => remove("/api/sessions"), say("othersEnded"));
    await attempt(showSessions);
  });
  element("sessions-actions", HTMLElement).replaceChildren(...(others ? [all] : []));
}

/** @param {Session} session */
async function endSession(session) {
  await attempt(() => removed(`/api/sessions/${encodeURIComponent(session.id)}`), say("sessionEnded"));
  await attempt(showSessions);
}

async function showTokens() {
  /** @type {{tokens: Token[]}} */
  const { tokens } = await get("/api/tokens");
  const rows = tokens.map((token) => thing(
    [
      make("p", null, make("b", null, token.name)),
      make("p", { class: "hint" }, token.scopes.map(scopeName).join(", "), " · ",
        token.last_used ? `${say("lastUsed")} ` : say("neverUsed"), token.last_used ? time(token.last_used) : null),
    ],
    button("bin", say("revoke"), () => revoke(token)),
  ));
  element("tokens", HTMLElement).replaceChildren(...(rows.length ? rows : [make("li", { class: "hint" }, say("noTokens"))]));
}

/** @param {string} scope */
const scopeName = (scope) => ({ send: say("scopeSend"), read: say("scopeRead") }[scope] ?? scope);

async function newToken() {
  const boxes = /** @type {const} */ (["send", "read"]).map((scope) => {
    const box = make("input", { type: "checkbox", name: scope, id: `scope-${scope}`, checked: true });
    return make("p", { class: "check" }, box, make("label", { for: `scope-${scope}` }, scopeName(scope)));
  });
  /** @type {Token | null} */
  const token = await ask({
    title: say("tokenNew"),
    text: say("tokenText"),
    fields: [{ name: "name", label: say("tokenName"), hint: say("tokenNameHint"), most: 60 }],
    more: [make("fieldset", { class: "scopes" }, make("legend", null, say("tokenMay")), ...boxes)],
    go: say("tokenMake"),
    act: ({ name }, form) => {
      const scopes = [...form.querySelectorAll("input:checked")].flatMap((box) => (box instanceof HTMLInputElement ? [box.name] : []));
      if (!scopes.length) throw new ApiError(400, say("scopeMissing"));
      return post("/api/tokens", { name: name?.trim(), scopes });
    },
  });
  await Promise.all([token && showSecret(token), attempt(showTokens)]);
}

/** @param {Token} token shown now, and never again */
function showSecret(token) {
  const field = make("input", { readonly: true, value: token.token ?? "", class: "secret-text", "aria-label": say("tokenSecret") });
  const copy = once(make("button", { type: "button", class: "button second" }, icon("copy"), make("span", null, say("copy"))), async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      document.execCommand("copy"); // without HTTPS there is no clipboard
    }
    toast(say("copied"));
  });
  field.addEventListener("focus", () => field.select());
  return show(say("tokenMade", { name: token.name }), make("p", null, say("tokenOnce")), make("div", { class: "secret-row" }, field, copy));
}

/** @param {Token} token */
async function revoke(token) {
  const done = await ask({
    title: say("revokeTitle", { name: token.name }), text: say("revokeText"), go: say("revoke"), danger: true,
    act: () => removed(`/api/tokens/${token.id}`),
  });
  if (done) toast(say("revoked", { name: token.name }));
  await attempt(showTokens);
}

async function showUsers() {
  /** @type {{users: User[]}} */
  const { users } = await get("/api/users");
  element("users", HTMLElement).replaceChildren(...users.map((user) => thing(
    [make("p", null, make("b", null, user.name), user.admin && make("span", { class: "chip good" }, icon("key"), say("isAdmin")), user.you && make("span", { class: "hint" }, ` ${say("isYou")}`))],
    ...(user.you ? [] : [button("key", say("setPassword"), () => setPassword(user)), button("bin", say("removeUser"), () => removeUser(user))]),
  )));
}

async function newUser() {
  const added = await ask({
    title: say("userNew"),
    fields: [
      { name: "name", label: say("user"), most: 255 },
      { name: "password", label: say("password"), type: "password", autocomplete: "new-password", hint: say("userPasswordHint"), most: 1024 },
    ],
    go: say("userAdd"),
    act: async ({ name = "", password = "" }) => {
      await post("/api/users", { name: name.trim(), password });
      return name.trim();
    },
  });
  if (added) toast(say("userAdded", { user: added }));
  await attempt(showUsers);
}

/** @param {User} user */
async function setPassword({ name }) {
  await ask({
    title: say("setPasswordTitle", { user: name }),
    text: say("setPasswordText"),
    fields: [{ name: "password", label: say("newPassword"), type: "password", autocomplete: "new-password", most: 1024 }],
    go: say("setPassword"),
    act: async ({ password }) => {
      await put(`/api/users/${encodeURIComponent(name)}/password`, { password });
      toast(say("passwordSet", { user: name }));
    },
  });
}

/** @param {User} user */
async function removeUser({ name }) {
  const done = await ask({
    title: say("removeUserTitle", { user: name }), text: say("removeUserText"), go: say("removeUser"), danger: true,
    act: () => removed(`/api/users/${encodeURIComponent(name)}`),
  });
  if (done) toast(say("userRemoved", { user: name }));
  await attempt(showUsers);
}
