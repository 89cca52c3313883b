import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { UploadError } from "../src/errors.js";
import { persistently, Retrying } from "../src/retrying.js";

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

function retrying(options: { retryDelays?: number[]; shouldRetry?: () => boolean } = {}) {
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

test("what is done for itself is tried again until it succeeds, and not when it is refused", async () => {
  const options = { retryDelays: [1, 1], shouldRetry: () => true };
  const errors = [broken, broken];
  const done = await persistently(options, signal, async () => {
    const error = errors.pop();
    if (error) throw error;
    return "done";
  });
  assert.equal(done, "done");
  const refused = new UploadError("not_authenticated", { status: 401 });
  let attempts = 0;
  const refuse = () => {
    attempts++;
    throw refused;
  };
  await assert.rejects(persistently(options, signal, refuse), refused);
  assert.equal(attempts, 1);
});
