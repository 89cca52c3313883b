import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { test } from "node:test";
import { findRemembered, IndexedDbStorage, MemoryStorage, type RememberedUpload } from "../src/storage.js";

const upload = (uploadId: string, fingerprint: string, startedAt = Date.now()): RememberedUpload => ({
  uploadId,
  fingerprint,
  filename: "a.bin",
  size: 9,
  startedAt,
});

for (const storage of [new MemoryStorage(), new IndexedDbStorage("test")]) {
  test(`${storage.constructor.name} finds a file's uploads, the newest first, until they are removed`, async () => {
    const now = Date.now();
    await storage.put(upload("old", "file", now - 1000));
    await storage.put(upload("new", "file", now));
    await storage.put(upload("other", "another file", now));
    const found = await findRemembered(storage, "file");
    assert.deepEqual(
      found.map((each) => each.uploadId),
      ["new", "old"],
    );
    await storage.remove("new");
    assert.deepEqual((await findRemembered(storage, "file")).length, 1);
  });
}

test("another page of the same origin finds what one remembered", async () => {
  await new IndexedDbStorage("shared").put(upload("id", "file"));
  assert.equal((await new IndexedDbStorage("shared").list()).length, 1);
});

test("what the server has long forgotten is forgotten", async () => {
  const storage = new IndexedDbStorage("aging");
  await storage.put(upload("id", "file", Date.now() - 9 * 24 * 3600 * 1000));
  assert.deepEqual(await storage.list(), []);
});

test("where the browser denies IndexedDB, it remembers for the life of the page", async () => {
  const { indexedDB } = globalThis;
  Object.defineProperty(globalThis, "indexedDB", { value: undefined, configurable: true });
  try {
    const storage = new IndexedDbStorage("denied");
    await storage.put(upload("id", "file"));
    assert.equal((await storage.list()).length, 1);
    await storage.remove("id");
    assert.equal((await storage.list()).length, 0);
  } finally {
    Object.defineProperty(globalThis, "indexedDB", { value: indexedDB, configurable: true });
  }
});
