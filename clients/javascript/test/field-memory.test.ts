import assert from "node:assert/strict";
import { test } from "node:test";
import { FieldMemory } from "../src/field/memory.js";

class Items {
  readonly kept = new Map<string, string>();
  getItem = (key: string) => this.kept.get(key) ?? null;
  setItem = (key: string, text: string) => void this.kept.set(key, text);
  removeItem = (key: string) => void this.kept.delete(key);
}

const upload = (uploadId: string, reference?: string) => ({
  uploadId,
  filename: "a.bin",
  size: 9,
  ...(reference && { reference }),
});

test("a field remembers its uploads, the newest first, until they are removed", () => {
  const items = new Items();
  const memory = new FieldMemory("/add/", "file", () => items);
  memory.put(upload("one"));
  memory.put(upload("two"));
  memory.put(upload("one", "signed"));
  const again = new FieldMemory("/add/", "file", () => items);
  assert.deepEqual(
    again.list().map(({ uploadId, reference }) => [uploadId, reference]),
    [
      ["one", "signed"],
      ["two", undefined],
    ],
  );
  again.removeUnfinished();
  assert.deepEqual(
    memory.list().map(({ uploadId }) => uploadId),
    ["one"],
  );
  memory.remove("one");
  assert.equal(items.kept.size, 0);
});

test("other fields and other pages have their own", () => {
  const items = new Items();
  new FieldMemory("/add/", "file", () => items).put(upload("one"));
  assert.deepEqual(new FieldMemory("/add/", "poster", () => items).list(), []);
  assert.deepEqual(new FieldMemory("/7/", "file", () => items).list(), []);
});

test("what the server has long forgotten is forgotten, and what is spoilt does no harm", () => {
  const items = new Items();
  let now = 0;
  const memory = new FieldMemory(
    "/",
    "file",
    () => items,
    () => now,
  );
  memory.put(upload("one"));
  now = 9 * 24 * 3600 * 1000;
  assert.deepEqual(memory.list(), []);
  for (const spoilt of ["{", "{}", "null"]) {
    for (const key of [...items.kept.keys()]) items.kept.set(key, spoilt);
    assert.deepEqual(memory.list(), []);
  }
});

test("a browser that denies it is no reason to fail", () => {
  const memory = new FieldMemory("/", "file", () => {
    throw new DOMException("denied", "SecurityError");
  });
  memory.put(upload("one"));
  memory.remove("one");
  memory.removeUnfinished();
  assert.deepEqual(memory.list(), []);
});
