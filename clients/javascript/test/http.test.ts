import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { send } from "../src/http.js";

const never = new AbortController().signal;

afterEach(() => {
  mock.restoreAll();
  mock.timers.reset();
});

function sending(answer: (request: Request) => Promise<unknown>, signal = never) {
  const asked: Request[] = [];
  mock.method(globalThis, "fetch", (url: string, init: RequestInit) => {
    const request = new Request(url, init);
    asked.push(request);
    return answer(request);
  });
  const headers = { Authorization: "Bearer secret", "X-Configured": "secret" };
  const url = "http://127.0.0.1/api/init";
  const done = send({ method: "POST", url, headers, body: "{}", withCredentials: false, stallTimeout: 1000, signal });
  return { asked, done };
}

/** As fetch does: nothing, until it is given up. */
const silence = ({ signal }: Request) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("an answer is its status, its text and its headers", async () => {
  const { done, asked } = sending(async () => new Response("{}", { status: 202, headers: { "Retry-After": "3" } }));
  const { status, text, header } = await done;
  assert.deepEqual([status, text, header("Retry-After"), header("ETag")], [202, "{}", "3", null]);
  assert.equal(asked[0]?.headers.get("Authorization"), "Bearer secret");
  assert.equal(asked[0]?.credentials, "same-origin");
});

test("a redirect is not followed but final", async () => {
  const { done, asked } = sending(async () =>
    Object.defineProperty(Response.error(), "type", { value: "opaqueredirect" }),
  );
  await assert.rejects(done, { code: "redirected", retryable: false });
  assert.equal(asked[0]?.redirect, "manual");
});

test("nor is one whose status can be seen, as outside of browsers", async () => {
  const { done } = sending(async () => new Response("", { status: 302, headers: { Location: "/elsewhere" } }));
  await assert.rejects(done, { code: "redirected" });
});

test("without an answer it may be tried again", async () => {
  await assert.rejects(sending(() => Promise.reject(new TypeError("Failed to fetch"))).done, {
    code: "network_error",
    retryable: true,
  });
});

test("what takes too long is given up, four times the limit after it began", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { done } = sending(silence);
  let ended = false;
  done.catch(() => {
    ended = true;
  });
  mock.timers.tick(3999);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(ended, false);
  mock.timers.tick(1);
  await assert.rejects(done, { code: "stalled", retryable: true });
});

test("a text that never ends is given up too", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { done } = sending(async (request) => ({
    type: "basic",
    headers: new Headers(),
    text: () => silence(request),
  }));
  await new Promise((resolve) => setImmediate(resolve));
  mock.timers.tick(4000);
  await assert.rejects(done, { code: "stalled" });
});

test("an abort ends it, also one that came before", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const life = new AbortController();
  const { done } = sending(silence, life.signal);
  life.abort();
  await assert.rejects(done, { code: "aborted" });
  const { done: late, asked } = sending(silence, life.signal);
  await assert.rejects(late, { code: "aborted" });
  assert.deepEqual(asked, []);
});
