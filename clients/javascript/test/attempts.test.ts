import assert from "node:assert/strict";
import { test } from "node:test";
import { Attempts } from "../src/attempts.js";
import { UploadError } from "../src/errors.js";
import type { Load } from "../src/load.js";
import { settingsOf } from "../src/options.js";
import { Slots } from "../src/slots.js";

function attempts(files = new Slots(1)) {
  const events: string[] = [];
  const settings = settingsOf({ apiUrl: "/", retryDelays: [1, 1] }, {} as Load);
  const subject = new Attempts(settings, files, 1, {
    onQueue: () => events.push("queue"),
    onWait: (error) => events.push(`wait ${error.code}`),
    onGo: () => events.push("go"),
  });
  return { subject, events };
}

function landable() {
  let land = (_: string) => {};
  const promise = new Promise<string>((resolve) => {
    land = resolve;
  });
  return { promise, land };
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(new UploadError("aborted"))));

test("what may pass is tried again, what is final is thrown", async () => {
  const { subject, events } = attempts();
  const outcomes = [new UploadError("stalled"), new UploadError("too_large")];
  const running = subject.run(async () => {
    throw outcomes.shift();
  });
  await assert.rejects(running, { code: "too_large" });
  assert.deepEqual(events, ["queue", "go", "wait stalled", "go"]);
});

test("in a pause the turn is another file's, what is under way lands, and nothing begins", async () => {
  const files = new Slots(1);
  const { subject } = attempts(files);
  const { promise, land } = landable();
  const landing = subject.run(() => promise);
  await new Promise((resolve) => setTimeout(resolve));
  subject.pause();
  const release = await files.acquire(new AbortController().signal);
  land("landed");
  assert.equal(await landing, "landed");
  let begun = false;
  const next = subject.run(async () => {
    begun = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(begun, false);
  subject.resume();
  release();
  await next;
  assert.equal(begun, true);
});

test("one final failure ends all that run, until it is forgiven", async () => {
  const { subject } = attempts();
  const running = subject.run(untilAborted);
  await new Promise((resolve) => setTimeout(resolve));
  subject.fail(new UploadError("session_expired"));
  await assert.rejects(running, { code: "session_expired" });
  subject.forgive();
  assert.equal(await subject.run(async () => "again"), "again");
});

test("aborted, everything throws that", async () => {
  const { subject } = attempts();
  const running = subject.run(untilAborted);
  await new Promise((resolve) => setTimeout(resolve));
  subject.abort();
  await assert.rejects(running, { code: "aborted" });
  await assert.rejects(
    subject.run(async () => 1),
    { code: "aborted" },
  );
});
