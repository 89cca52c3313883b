import assert from "node:assert/strict";
import { test } from "node:test";
import { Line, type Memory } from "../src/line.js";

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const URL = "https://uploads.example/api/v1/upload/";

class Pages implements Memory {
  readonly #items = new Map<string, string>();

  getItem(key: string): string | null {
    return this.#items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#items.set(key, value);
  }
}

function lines() {
  const clock = { now: 1000 };
  const memory = new Pages();
  return {
    clock,
    memory,
    line: (url = URL) =>
      new Line(
        url,
        () => memory,
        () => clock.now,
      ),
  };
}

/** Send chunks that take so many milliseconds, so many at once. */
function send(line: Line, clock: { now: number }, bytes: number, milliseconds: number, atOnce = 1): void {
  const landed = Array.from({ length: atOnce }, () => line.begin());
  clock.now += milliseconds;
  for (const land of landed) land(bytes);
}

test("until a chunk has landed, one is in flight, and the server chooses its size", () => {
  const line = lines().line();
  assert.equal(line.inFlight(MIB), 1);
  assert.equal(line.chunkSizeFor(1024 * MIB, {}), undefined);
  assert.equal(line.chunkSizeFor(1024 * MIB, { effectiveType: "3g" }), 256 * KIB);
  assert.equal(line.chunkSizeFor(1024 * MIB, { effectiveType: "4g", saveData: true }), 256 * KIB);
});

test("no more is in flight than a slow line carries in two seconds", () => {
  const { line, clock } = lines();
  const slow = line();
  send(slow, clock, MIB, 2097); // 4 Mbit/s
  assert.equal(Math.round((slow.rate ?? 0) / 1e5), 5);
  assert.equal(slow.inFlight(MIB), 1);
  assert.equal(slow.inFlight(256 * KIB), 3);
});

test("chunks that land together are one measurement", () => {
  const { line, clock } = lines();
  const fast = line();
  send(fast, clock, MIB, 100, 4);
  assert.equal(Math.round(fast.rate ?? 0), 40 * MIB);
});

test("the rate is that of the last seconds of sending, and the breaks between say nothing", () => {
  const { line, clock } = lines();
  const changing = line();
  for (let second = 0; second < 10; second++) send(changing, clock, 10 * MIB, 1000);
  clock.now += 60_000;
  send(changing, clock, 10 * MIB, 1000);
  assert.equal(changing.rate, 10 * MIB);
  for (let second = 0; second < 10; second++) send(changing, clock, MIB, 1000);
  assert.equal(changing.rate, MIB);
});

test("what does not land, and a small file that takes no time, say nothing", () => {
  const { line, clock } = lines();
  const quiet = line();
  send(quiet, clock, 0, 9000);
  send(quiet, clock, 100 * KIB, 300);
  assert.equal(quiet.rate, undefined);
  send(quiet, clock, 100 * KIB, 2000);
  assert.equal(quiet.rate, 50 * KIB);
});

test("the next page knows the rate of the same origin, and sends a second's worth as a chunk", () => {
  const { line, clock } = lines();
  send(line(), clock, MIB, 2097);
  assert.equal(line("https://uploads.example/another/api/").chunkSizeFor(1024 * MIB), 256 * KIB);
  assert.equal(line("https://elsewhere.example/").chunkSizeFor(1024 * MIB, {}), undefined);
  send(line(), clock, 100 * MIB, 1000);
  assert.equal(line().chunkSizeFor(1024 * MIB), 8 * MIB);
  assert.equal(line().chunkSizeFor(128 * MIB), 4 * MIB);
  assert.equal(line().chunkSizeFor(5 * MIB), MIB);
  send(line(), clock, KIB, 1000);
  assert.equal(line().chunkSizeFor(1024 * MIB), 128 * KIB);
});

test("a memory that is denied, full or spoilt is none", () => {
  const { memory, line } = lines();
  memory.setItem("resumable-uploads rate https://uploads.example", "much");
  assert.equal(line().rate, undefined);
  const denied: Memory = {
    getItem: () => {
      throw new Error("denied");
    },
    setItem: () => {
      throw new Error("full");
    },
  };
  const clock = { now: 0 };
  const forgetful = new Line(
    URL,
    () => denied,
    () => clock.now,
  );
  send(forgetful, clock, MIB, 1000);
  assert.equal(forgetful.rate, MIB);
});
