import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionDocument, UploadApi } from "../src/api.js";
import { Attempts } from "../src/attempts.js";
import { UploadError } from "../src/errors.js";
import { fingerprintOf } from "../src/fingerprint.js";
import { cancelUpload, deleteUpload, listPage, previousOf, unfinished } from "../src/managing.js";
import { settingsOf } from "../src/options.js";
import { Slots } from "../src/slots.js";
import { MemoryStorage } from "../src/storage.js";
import type { Shared } from "../src/upload.js";

const URL_OF_API = "https://uploads.example/api/";
const file = new File(["aabbccd"], "a.bin", { lastModified: 1 });

const session = (upload_id: string, filename: string, total_size: number | null) =>
  ({
    upload_id,
    filename,
    total_size,
    progress: {},
    metadata: {},
    created_at: 0,
    expires_at: 0,
  }) as unknown as SessionDocument;

/** A server with these sessions in a list of one page. */
function sharedWith(results: SessionDocument[], next: string | null = null) {
  const asked: string[] = [];
  const storage = new MemoryStorage();
  const api = {
    url: URL_OF_API,
    json: async (_: string, path: string) => {
      asked.push(path);
      return { results, next };
    },
  } as unknown as UploadApi;
  return { asked, storage, shared: { api, settings: { storage } } as unknown as Shared };
}

test("a page of a list is asked for as it is wished, and tells how to ask for the next", async () => {
  const server = sharedWith([session("one", "a.bin", 7)], `${URL_OF_API}?cursor=abc%3D&page_size=1`);
  const page = await listPage(server.shared, { search: "ä & b", page_size: 1 });
  assert.deepEqual(server.asked, ["?search=%C3%A4+%26+b&page_size=1"]);
  assert.deepEqual([page.sessions.length, page.cursor], [1, "abc="]);
  assert.equal((await listPage(sharedWith([]).shared, {})).cursor, undefined);
});

test("unfinished uploads are those of known size, and say whether this browser knows them", async () => {
  const server = sharedWith([session("one", "a.bin", 7), session("two", "b.bin", 7), session("stream", "c.bin", null)]);
  await server.storage.put({ uploadId: "two", fingerprint: "", filename: "b.bin", size: 7, startedAt: 0 });
  const found = await unfinished(server.shared);
  assert.deepEqual(
    found.map(({ uploadId, here, reopens }) => [uploadId, here, reopens]),
    [
      ["one", false, false],
      ["two", true, false],
    ],
  );
});

test("earlier uploads of a file are those of this browser, and those of its name and size", async () => {
  const server = sharedWith([
    session("else", "b.bin", 7),
    session("name", "a.bin", 7),
    session("size", "a.bin", 8),
    session("here", "b.bin", 7),
    session("unknown", "a.bin", null),
  ]);
  const fingerprint = fingerprintOf(file, URL_OF_API, { metadata: { trip: 7 } });
  await server.storage.put({ uploadId: "here", fingerprint, filename: "b.bin", size: 7, startedAt: 0 });
  const found = await previousOf(server.shared, file, { metadata: { trip: 7 } });
  assert.deepEqual(
    found.map(({ uploadId, here }) => [uploadId, here]),
    [
      ["here", true],
      ["name", false],
    ],
  );
  const others = await previousOf(server.shared, file, { metadata: { trip: 8 } });
  assert.deepEqual(
    others.map(({ uploadId, here }) => [uploadId, here]),
    [["name", false]],
  );
});

/** What deleting comes to, where the server answers with these errors first. */
async function deleting(errors: UploadError[], signal?: AbortSignal) {
  const settings = settingsOf({ apiUrl: URL_OF_API, retryDelays: [1, 1], storage: new MemoryStorage() }, {} as never);
  const asked: string[] = [];
  const api = {
    call: async (method: string, path: string, { keepalive }: { keepalive: boolean }) => {
      asked.push(`${method} ${path} ${keepalive}`);
      const error = errors.shift();
      if (error) throw error;
    },
  } as unknown as UploadApi;
  await settings.storage.put({ uploadId: "one", fingerprint: "", filename: "", size: 0, startedAt: 0 });
  const shared = { api, settings, attempts: () => new Attempts(settings, new Slots(1), 0) } as unknown as Shared;
  await deleteUpload(shared, "one", signal);
  return { asked, left: await settings.storage.list() };
}

test("deleting is tried again until it succeeds, outlives the page, and is forgotten here", async () => {
  const broken = new UploadError("network_error");
  const { asked, left } = await deleting([broken, broken]);
  assert.deepEqual(asked, Array(3).fill("DELETE one true"));
  assert.deepEqual(left, []);
});

test("deleting is not tried again when it is refused, nor begun when it is aborted", async () => {
  const refused = new UploadError("not_authenticated", { status: 401 });
  await assert.rejects(deleting([refused]), refused);
  await assert.rejects(deleting([], AbortSignal.abort()), { code: "aborted" });
});

/** What cancelling comes to, where the server answers `cancel` with these errors first. */
async function cancelling(errors: UploadError[], ending = false) {
  const settings = settingsOf({ apiUrl: URL_OF_API, retryDelays: [1, 1], storage: new MemoryStorage() }, {} as never);
  const asked: string[] = [];
  const api = {
    cancel: async () => {
      asked.push("cancel");
      const error = errors.shift();
      if (error) throw error;
    },
    call: async (method: string) => asked.push(method),
  } as unknown as UploadApi;
  const shared = { api, settings, attempts: () => new Attempts(settings, new Slots(1), 0) } as unknown as Shared;
  await cancelUpload(shared, "print", "one", ending);
  return asked;
}

const answered = (status: number, code: string) => new UploadError(code, { status });

test("cancelling is tried again after what may pass, and what is over is over", async () => {
  assert.deepEqual(
    await cancelling([answered(503, "unavailable"), answered(0, "network_error")]),
    Array(3).fill("cancel"),
  );
  for (const over of [answered(404, "not_found"), answered(410, "session_cancelled")])
    assert.deepEqual(await cancelling([over]), ["cancel"]);
});

test("what was completed from here meanwhile is deleted, what others completed stays", async () => {
  assert.deepEqual(await cancelling([answered(409, "not_active")], true), ["cancel", "DELETE"]);
  assert.deepEqual(await cancelling([answered(409, "not_active")], false), ["cancel"]);
});

test("an answer that refuses does not pass for a success", async () => {
  const refused = answered(401, "not_authenticated");
  await assert.rejects(cancelling([refused]), refused);
});
