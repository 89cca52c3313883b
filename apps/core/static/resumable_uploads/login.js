// Who is logged in. A page outlives a login: the token for its requests is read again when the server refuses it, and nothing
// is sent for somebody else than whose page it is.
//
// Logging in gives a session another CSRF token. So a token that this page has is that of the login under which it was given,
// and a request that changes something is refused after any other login; then the page asks who that was.
import { pageData } from "./page-data.js";
import { say } from "./texts.js";

const { UploadError } = globalThis.ResumableUploader;
const { whoUrl, user } = pageData;
const banner = document.querySelector("#login-banner");
const ASK_AGAIN_MILLISECONDS = 15_000;
const listeners = new Set();
const pages = globalThis.BroadcastChannel && new BroadcastChannel("uploads-page login");
let token = pageData.csrfToken;
let loggingIn;
let asking;

/** Told "in" when whose page this is can go on, "out" when nobody is logged in, and "other" when it is somebody else. */
export function onLogin(listener) {
  listeners.add(listener);
}

/** For the uploader: the token, or a fresh one once it was refused. */
export async function headers(refusal) {
  if (refusal) await requireOwner();
  return { "X-CSRFToken": token };
}

/** The same, for requests while the page goes away. */
export function headersNow() {
  return { "X-CSRFToken": token };
}

/** For the uploader: resolves when somebody is logged in again. */
export async function onLoginRequired() {
  loggingIn ??= deferred();
  const { promise } = loggingIn;
  // The answer may be of an earlier login, and somebody is there again.
  await ask().catch(() => {});
  return promise;
}

/** What a request gets, if whose page this is was there to ask. @throws {UploadError} also `other_user` */
export async function asOwner(work) {
  try {
    const got = await work();
    await requireOwner();
    return got;
  } catch (error) {
    if (error.code === "not_authenticated") ask().catch(() => {});
    throw error;
  }
}

/** @throws {UploadError} `other_user`, `not_authenticated` */
async function requireOwner() {
  const now = await ask();
  if (!now) throw new UploadError("not_authenticated", { status: 401 });
  if (now.id === user.id) return;
  const detail = say("foreign", { owner: user.name, user: now.name });
  throw new UploadError("other_user", { status: 403, problem: { code: "other_user", detail, status: 403 } });
}

function ask() {
  asking ??= askServer().finally(() => {
    asking = undefined;
  });
  return asking;
}

/** The user who is logged in; undefined if nobody is, or the server cannot be reached. */
async function askServer() {
  const answer = await fetch(whoUrl, { headers: { Accept: "application/json" } }).catch((cause) => {
    throw new UploadError("network_error", { cause });
  });
  if (answer.status === 401) {
    tell("out");
    return undefined;
  }
  if (!answer.ok) throw new UploadError("unavailable", { status: answer.status });
  const now = await answer.json().catch((cause) => {
    // Something on the way answers in its place, as portals do.
    throw new UploadError("unavailable", { status: 503, cause });
  });
  // Whoever it is: requests for somebody else are refused, and say so.
  loggingIn?.resolve();
  loggingIn = undefined;
  if (now.user.id !== user.id) {
    tell("other", now.user);
    return now.user;
  }
  token = now.csrfToken;
  tell("in");
  return now.user;
}

let told = "in";

function tell(news, other) {
  if (news !== "in") {
    const text = news === "out" ? say("logged.out") : say("logged.other", { user: other.name, owner: user.name });
    banner.querySelector(".text").textContent = text;
  }
  if (told === news) return;
  told = news;
  banner.hidden = news === "in";
  for (const listener of listeners) listener(news, other);
}

function deferred() {
  const made = {};
  made.promise = new Promise((resolve) => {
    made.resolve = resolve;
  });
  return made;
}

/** Somebody may have logged in elsewhere while this page was not looked at. */
function look() {
  if (document.visibilityState === "visible") ask().catch(() => {});
}

addEventListener("focus", () => told !== "in" && look());
// Where no other page tells of it.
setInterval(() => told !== "in" && look(), ASK_AGAIN_MILLISECONDS);
document.addEventListener("visibilitychange", look);
if (pages) {
  // A page that is loaded says that somebody is logged in.
  pages.onmessage = () => ask().catch(() => {});
  pages.postMessage("loaded");
}
