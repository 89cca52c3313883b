import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { ReceiptsPage, SessionDocument, UploadApi } from "../src/api.js";
import type { Attempts } from "../src/attempts.js";
import { ChunkReader } from "../src/chunk-reader.js";
import { ChunkDigests } from "../src/digests.js";
import { UploadError } from "../src/errors.js";
import type { Line } from "../src/line.js";
import { appendInPieces, isSame } from "../src/resuming.js";

const file = new File(["aabbccd"], "a.bin");
const session = { upload_id: "id", chunk_size: 2, progress: { received_chunks: 2 } } as unknown as SessionDocument;
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const attempts = {
  run: (work: (signal: AbortSignal) => unknown) => work(new AbortController().signal),
  throwIfOver: () => {},
} as unknown as Attempts;

const reader = () => new ChunkReader(file, 2);

/** A server whose receipts come one a page. */
function parts(stored: Record<number, string>) {
  const asked: number[] = [];
  const receipts = Object.entries(stored).map(([index, text]) => ({ index: Number(index), sha256: sha256(text) }));
  const api = {
    json: async (_: string, path: string): Promise<ReceiptsPage> => {
      const from = Number(/^status\/id\?receipts_from=(\d+)$/.exec(path)?.[1]);
      asked.push(from);
      const left = receipts.filter(({ index }) => index >= from);
      return { receipts: left.slice(0, 1), receipts_next: left[1]?.index ?? null } as ReceiptsPage;
    },
  } as unknown as UploadApi;
  return { asked, parts: { session, api, attempts } };
}

test("what the session has is compared page by page with the file here", async () => {
  const digests = new ChunkDigests(4);
  const server = parts({ 1: "bb", 3: "d" });
  assert.equal(await isSame(server.parts, reader(), digests, () => {}), true);
  assert.deepEqual(server.asked, [0, 3]);
  assert.deepEqual(
    [0, 1, 2, 3].map((index) => digests.has(index)),
    [false, true, false, true],
  );
});

test("bytes of another version of the file are told", async () => {
  const server = parts({ 1: "bb", 3: "x" });
  assert.equal(await isSame(server.parts, reader(), new ChunkDigests(4), () => {}), false);
});

test("what was sent from here is not read again", async () => {
  const digests = new ChunkDigests(4);
  digests.note(1, new Uint8Array(32));
  assert.equal(await isSame(parts({ 1: "xx" }).parts, reader(), digests, () => {}), true);
});

test("once much of it is of the file here, the rest may be sent beside it", async () => {
  const large = { index: 1, size: 64 * 2 ** 20, sha256: sha256("bb") };
  const pages = [{ receipts: [large], receipts_next: 3 }, { receipts: [{ ...large, index: 3, sha256: sha256("d") }] }];
  let trusted = false;
  const seen: boolean[] = [];
  const api = {
    json: async () => {
      seen.push(trusted);
      return { receipts_next: null, ...pages.shift() };
    },
  } as unknown as UploadApi;
  await isSame({ session, api, attempts }, reader(), new ChunkDigests(4), () => {
    trusted = true;
  });
  assert.deepEqual(seen, [false, true]);
});

/** A server that has some chunks, and takes pieces up to a size. */
class PieceServer {
  readonly took: [number, string][] = [];
  readonly #stored: Map<number, string>;
  readonly #most: number;
  #kept = "";

  constructor(stored: Record<number, string>, most: number, kept = "") {
    this.#stored = new Map(Object.entries(stored).map(([index, text]) => [Number(index), text]));
    this.#most = most;
    this.#kept = kept;
  }

  async status(): Promise<unknown> {
    const missing = [0, 1, 2, 3].filter((index) => !this.#stored.has(index));
    return { status: "active", progress: { missing_chunks: missing } };
  }

  async call(method: string, path: string, { blob, headers }: { blob: Blob; headers: Record<string, string> }) {
    assert.deepEqual([method, path, headers["Upload-Complete"]], ["PATCH", "files/id", "?0"]);
    if (blob.size > this.#most) throw new UploadError("proxy_limit");
    const [index] = [0, 1, 2, 3].filter((each) => !this.#stored.has(each));
    const expected = (index ?? 0) * 2 + this.#kept.length;
    const problem = { code: "offset_mismatch", detail: "", status: 409, "expected-offset": expected };
    if (Number(headers["Upload-Offset"]) !== expected) throw new UploadError("offset_mismatch", { problem });
    this.took.push([expected, await blob.text()]);
    this.#kept += await blob.text();
    if (this.#kept.length === (index === 3 ? 1 : 2)) {
      this.#stored.set(index ?? 0, this.#kept);
      this.#kept = "";
    }
  }
}

function append(server: PieceServer, limit: number) {
  const line: { limit: number; noteLimit(size: number): boolean } = {
    limit,
    noteLimit(size: number) {
      line.limit = Math.floor(size / 2);
      return size > 1;
    },
  };
  const stored: number[] = [];
  const resumed = { file, session, api: server as unknown as UploadApi, attempts, line: line as Line };
  return { done: appendInPieces(resumed, (index) => stored.push(index)), stored };
}

test("what is missing is sent in order and in pieces that fit, and what is stored passed over", async () => {
  const server = new PieceServer({ 1: "bb" }, 1);
  const { done, stored } = append(server, 1);
  await done;
  assert.deepEqual(server.took, [
    [0, "a"],
    [1, "a"],
    [4, "c"],
    [5, "c"],
    [6, "d"],
  ]);
  assert.deepEqual(stored, [0, 2, 3]);
});

test("it goes on in the middle of a chunk, where an earlier piece ended", async () => {
  const server = new PieceServer({ 1: "bb", 2: "cc", 3: "d" }, 2, "a");
  await append(server, 2).done;
  assert.deepEqual(server.took, [[1, "a"]]);
});

test("pieces that do not get through are halved, until there are no smaller ones", async () => {
  const server = new PieceServer({ 1: "bb", 2: "cc", 3: "d" }, 1);
  await append(server, 2).done;
  assert.deepEqual(server.took, [
    [0, "a"],
    [1, "a"],
  ]);
  await assert.rejects(append(new PieceServer({}, 0), 2).done, { code: "proxy_limit" });
});
