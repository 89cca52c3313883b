import assert from "node:assert/strict";
import { test } from "node:test";
import { Attempts } from "../src/attempts.js";
import { UploadError } from "../src/errors.js";
import { settingsOf } from "../src/options.js";
import { Slots } from "../src/slots.js";

function attempts(files = new Slots(1)) {
  const events: string[] = [];
  const settings = settingsOf({ apiUrl: "/", retryDelays: [1, 1] });
  const subject = new Attempts(settings, files, {
    onQueue: () => events.push("queue"),
    onWait: (error) => events.push(`wait ${error.code}`),
    onGo: () => events.push("go"),
  });
  return { subject, events };
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

test("a pause interrupts, gives the turn to another file, and costs no attempt", async () => {
  const files = new Slots(1);
  const { subject } = attempts(files);
  let runs = 0;
  const running = subject.run((signal) => (++runs === 1 ? untilAborted(signal) : Promise.resolve("done")));
  await new Promise((resolve) => setTimeout(resolve));
  subject.pause();
  const release = await files.acquire(new AbortController().signal);
  subject.resume();
  release();
  assert.equal(await running, "done");
  assert.equal(runs, 2);
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
