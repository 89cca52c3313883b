import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { ReceiptsPage, SessionDocument, UploadApi } from "../src/api.js";
import type { Attempts } from "../src/attempts.js";
import { ChunkDigests } from "../src/digests.js";
import { compareStored } from "../src/stored-chunks.js";

const file = new File(["aabbccd"], "a.bin");
const session = { upload_id: "id", chunk_size: 2, progress: { received_chunks: 2 } } as unknown as SessionDocument;
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const attempts = {
  run: (work: (signal: AbortSignal) => unknown) => work(new AbortController().signal),
  throwIfOver: () => {},
} as unknown as Attempts;

/** A server whose receipts come one a page. */
function parts(stored: Record<number, string>) {
  const asked: number[] = [];
  const receipts = Object.entries(stored).map(([index, text]) => ({ index: Number(index), sha256: sha256(text) }));
  const api = {
    receipts: async (_: string, from: number): Promise<ReceiptsPage> => {
      asked.push(from);
      const left = receipts.filter(({ index }) => index >= from);
      return { receipts: left.slice(0, 1), receipts_next: left[1]?.index ?? null } as ReceiptsPage;
    },
  } as unknown as UploadApi;
  return { asked, parts: { api, attempts } };
}

test("what the session has is compared page by page with the file here", async () => {
  const digests = new ChunkDigests(4);
  const server = parts({ 1: "bb", 3: "d" });
  await compareStored(file, session, digests, server.parts, () => {});
  assert.deepEqual(server.asked, [0, 3]);
  assert.deepEqual(
    [0, 1, 2, 3].map((index) => digests.has(index)),
    [false, true, false, true],
  );
});

test("bytes of another version of the file are told", async () => {
  const comparing = compareStored(file, session, new ChunkDigests(4), parts({ 1: "bb", 3: "x" }).parts, () => {});
  await assert.rejects(comparing, { code: "other_version" });
});

test("once much of it is of the file here, the rest may be sent beside it", async () => {
  const large = { index: 1, size: 64 * 2 ** 20, sha256: sha256("bb") };
  const pages = [{ receipts: [large], receipts_next: 3 }, { receipts: [{ ...large, index: 3, sha256: sha256("d") }] }];
  let trusted = false;
  const seen: boolean[] = [];
  const api = {
    receipts: async () => {
      seen.push(trusted);
      return { receipts_next: null, ...pages.shift() };
    },
  } as unknown as UploadApi;
  await compareStored(file, session, new ChunkDigests(4), { api, attempts }, () => {
    trusted = true;
  });
  assert.deepEqual(seen, [false, true]);
});

test("a session that has nothing is not asked", async () => {
  const server = parts({});
  const empty = { ...session, progress: { received_chunks: 0 } } as unknown as SessionDocument;
  await compareStored(file, empty, new ChunkDigests(4), server.parts, () => {});
  assert.deepEqual(server.asked, []);
});
