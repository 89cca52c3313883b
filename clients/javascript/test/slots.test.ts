import assert from "node:assert/strict";
import { test } from "node:test";
import { Slots } from "../src/slots.js";

const never = new AbortController().signal;

test("more than the count wait until a slot is released, in the order they came", async () => {
  const slots = new Slots(1);
  const release = await slots.acquire(never);
  const order: string[] = [];
  const first = slots.acquire(never).then((free) => {
    order.push("first");
    free();
  });
  const second = slots.acquire(never).then(() => order.push("second"));
  assert.deepEqual(order, []);
  release();
  await Promise.all([first, second]);
  assert.deepEqual(order, ["first", "second"]);
});

test("a slot released twice counts once", async () => {
  const slots = new Slots(1);
  const release = await slots.acquire(never);
  release();
  release();
  await slots.acquire(never);
  const third = await Promise.race([slots.acquire(never), Promise.resolve("waits")]);
  assert.equal(third, "waits");
});

test("who waits can give up, and is not served", async () => {
  const slots = new Slots(1);
  const release = await slots.acquire(never);
  const impatient = new AbortController();
  const waiting = slots.acquire(impatient.signal);
  impatient.abort();
  await assert.rejects(waiting, { code: "aborted" });
  release();
  await slots.acquire(never);
});

test("small ones overtake large ones, and nobody is passed over for ever", async () => {
  const slots = new Slots(1);
  let free = await slots.acquire(never);
  const order: string[] = [];
  const wait = (name: string, size: number) =>
    slots.acquire(never, size).then((release) => {
      order.push(name);
      free = release;
    });
  const all = [wait("large", 1e9), wait("larger", 2e9), ...[1, 2, 3, 4, 5].map((size) => wait(`small ${size}`, size))];
  for (const _ of all) {
    free();
    await new Promise((resolve) => setTimeout(resolve));
  }
  await Promise.all(all);
  assert.deepEqual(order, ["small 1", "small 2", "small 3", "large", "larger", "small 4", "small 5"]);
});

test("slots begin with as many as they are told, and grow to as many as the line bears", async () => {
  const slots = new Slots(4, 1);
  await slots.acquire(never);
  let admitted = 0;
  for (let waiting = 0; waiting < 4; waiting++) slots.acquire(never).then(() => admitted++);
  const admittedNow = async () => {
    await new Promise((resolve) => setTimeout(resolve));
    return admitted;
  };
  assert.equal(await admittedNow(), 0);
  slots.widen(2);
  assert.equal(await admittedNow(), 1);
  slots.widen(2);
  assert.equal(await admittedNow(), 1);
  slots.widen(9);
  slots.widen(9);
  slots.widen(9);
  assert.equal(await admittedNow(), 3);
});

test("narrowed slots admit one at a time, and widen one by one", async () => {
  const slots = new Slots(4);
  slots.narrow();
  const release = await slots.acquire(never);
  let admitted = 0;
  const waiting = [1, 2, 3].map(() => slots.acquire(never).then(() => admitted++));
  await Promise.resolve();
  assert.equal(admitted, 0);
  slots.widen();
  await waiting[0];
  assert.equal(admitted, 1);
  release();
  await waiting[1];
  assert.equal(admitted, 2);
});
