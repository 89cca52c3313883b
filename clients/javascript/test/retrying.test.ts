import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { UploadError } from "../src/errors.js";
import { Retrying, type RetryOptions } from "../src/retrying.js";

const signal = new AbortController().signal;
// A page's global object is an event target, Node's is not.
const page = new EventTarget();
globalThis.addEventListener = page.addEventListener.bind(page);
globalThis.removeEventListener = page.removeEventListener.bind(page);
const broken = new UploadError("network_error");

afterEach(() => {
  mock.timers.reset();
  setOnline(true);
});

function setOnline(onLine: boolean) {
  Object.defineProperty(globalThis, "navigator", { value: { onLine }, configurable: true });
}

function retrying(options: Partial<RetryOptions> = {}) {
  const waits: (number | undefined)[] = [];
  const delays = { retryDelays: [100, 1000], shouldRetry: () => true, ...options };
  return { subject: new Retrying(delays, (_, milliseconds) => waits.push(milliseconds)), waits };
}

test("waits between half and all of the delay, and the attempt counts", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { subject, waits } = retrying({ retryDelays: [20] });
  const waiting = subject.before(broken, 0, signal);
  mock.timers.tick(20);
  assert.equal(await waiting, true);
  assert.ok(Number(waits[0]) >= 10 && Number(waits[0]) <= 20, String(waits));
});

test("waits at least as long as the server asks", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { subject, waits } = retrying();
  const waiting = subject.before(new UploadError("throttled", { status: 429, retryAfter: 9 }), 0, signal);
  mock.timers.tick(9000);
  await waiting;
  assert.deepEqual(waits, [9000]);
});

test("gives up when the delays are used up, the error is final, or the application says so", async () => {
  await assert.rejects(retrying().subject.before(broken, 2, signal), broken);
  const refused = new UploadError("too_large", { status: 413 });
  await assert.rejects(retrying().subject.before(refused, 0, signal), refused);
  await assert.rejects(retrying({ shouldRetry: () => false }).subject.before(broken, 0, signal), broken);
});

test("requests that fail in one outage wait together", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { subject, waits } = retrying({ retryDelays: [200] });
  const first = subject.before(broken, 0, signal);
  mock.timers.tick(50);
  const second = subject.before(broken, 0, signal);
  assert.equal(Math.round(Number(waits[0]) - Number(waits[1])), 50, String(waits));
  mock.timers.tick(150);
  await Promise.all([first, second]);
});

test("offline, it waits until the browser is online, however often, and no attempt counts", async () => {
  setOnline(false);
  const { subject, waits } = retrying({ retryDelays: [] });
  const waiting = subject.before(broken, 99, signal);
  page.dispatchEvent(new Event("online"));
  assert.equal(await waiting, false);
  assert.deepEqual(waits, [undefined]);
});

test("a wait ends when it is woken, and when the upload is aborted", async () => {
  const { subject } = retrying({ retryDelays: [1e6] });
  const waiting = subject.before(broken, 0, signal);
  subject.wake();
  await waiting;
  const life = new AbortController();
  const second = subject.before(broken, 0, life.signal);
  life.abort();
  await assert.rejects(second, { code: "aborted" });
  subject.wake();
});

const loggedOut = new UploadError("not_authenticated", { status: 401 });

test("without a login nothing is waited for; with one, until somebody has logged in, and no attempt counts", async () => {
  await assert.rejects(retrying().subject.before(loggedOut, 0, signal), loggedOut);
  let logIn = () => {};
  const asked: UploadError[] = [];
  const onLoginRequired = (error: UploadError) => {
    asked.push(error);
    return new Promise<void>((resolve) => {
      logIn = resolve;
    });
  };
  const { subject, waits } = retrying({ onLoginRequired });
  const waiting = subject.before(loggedOut, 99, signal);
  logIn();
  assert.equal(await waiting, false);
  assert.deepEqual([asked, waits], [[loggedOut], [undefined]]);
});

test("if nobody logs in, the error is that of the request", async () => {
  const { subject } = retrying({ onLoginRequired: () => Promise.reject(new Error("closed")) });
  await assert.rejects(subject.before(loggedOut, 0, signal), loggedOut);
});

test("an upload that is aborted waits for no login", async () => {
  const life = new AbortController();
  const waiting = retrying({ onLoginRequired: () => new Promise(() => {}) }).subject.before(loggedOut, 0, life.signal);
  life.abort();
  await assert.rejects(waiting, { code: "aborted" });
});
