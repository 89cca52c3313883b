import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { BrowserStorage, findRemembered, MemoryStorage, type RememberedUpload } from "../src/storage.js";

/** As a browser's: its items are its own properties, its methods are not. */
class Items {
  setItem(key: string, text: string): void {
    Object.assign(this, { [key]: text });
  }

  removeItem(key: string): void {
    delete (this as Record<string, unknown>)[key];
  }
}

function provide(localStorage: unknown): void {
  Object.defineProperty(globalThis, "localStorage", { value: localStorage, configurable: true, writable: true });
}

beforeEach(() => provide(new Items()));
afterEach(() => provide(undefined));

const upload = (uploadId: string, fingerprint: string, startedAt = Date.now()): RememberedUpload => ({
  uploadId,
  fingerprint,
  filename: "a.bin",
  size: 9,
  startedAt,
});

for (const storage of [new MemoryStorage(), new BrowserStorage()]) {
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
  await new BrowserStorage().put(upload("id", "file"));
  assert.equal((await new BrowserStorage().list()).length, 1);
});

test("what the server has long forgotten is forgotten", async () => {
  const storage = new BrowserStorage();
  await storage.put(upload("id", "file", Date.now() - 9 * 24 * 3600 * 1000));
  assert.deepEqual(await storage.list(), []);
});

test("what is of others, or spoilt, does no harm", async () => {
  localStorage.setItem("another's", "{");
  const storage = new BrowserStorage();
  await storage.put(upload("id", "file"));
  assert.equal((await storage.list()).length, 1);
  localStorage.setItem("resumable-uploads upload spoilt", "{");
  assert.deepEqual(await storage.list(), []);
});

test("where the browser denies it, it remembers for the life of the page", async () => {
  provide(undefined);
  const storage = new BrowserStorage();
  await storage.put(upload("id", "file"));
  assert.equal((await storage.list()).length, 1);
  await storage.remove("id");
  assert.equal((await storage.list()).length, 0);
});
