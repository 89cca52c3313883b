import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { ChunkReader } from "../src/chunk-reader.js";

const MIB = 2 ** 20;
const content = randomBytes(5 * MIB + 123);
const chunk = (index: number) => content.subarray(index * MIB, (index + 1) * MIB);

/** A file that counts how often it is read in slices rather than as one stream. */
class CountedFile extends Blob {
  slices = 0;

  override slice(start?: number, end?: number): Blob {
    this.slices++;
    return super.slice(start, end);
  }
}

async function requireChunk(reader: ChunkReader, index: number): Promise<void> {
  const digest = await reader.digest(index);
  assert.deepEqual(Buffer.from(digest ?? []), createHash("sha256").update(chunk(index)).digest());
}

test("chunks that are asked for in order come from one stream", async () => {
  const file = new CountedFile([content]);
  const reader = new ChunkReader(file, MIB);
  await Promise.all([0, 1, 2, 3, 4, 5].map((index) => requireChunk(reader, index)));
  assert.equal(file.slices, 0);
});

test("a chunk can be asked for again, and out of order", async () => {
  const file = new CountedFile([content]);
  const reader = new ChunkReader(file, MIB);
  for (const index of [3, 4, 1, 1, 5, 0, 1]) await requireChunk(reader, index);
  assert.equal(file.slices, 4);
});

test("a file that became shorter is told as changed, and one that cannot be read as such", async () => {
  const shorter = new Blob([content]);
  shorter.stream = () => new Blob([chunk(0)]).stream();
  const reader = new ChunkReader(shorter, MIB);
  await requireChunk(reader, 0);
  await assert.rejects(reader.digest(1), { code: "file_changed" });

  const unreadable = new Blob([content]);
  unreadable.stream = () => new ReadableStream({ start: (sink) => sink.error(new Error("gone")) });
  await assert.rejects(new ChunkReader(unreadable, MIB).digest(0), { code: "file_unreadable" });
});

test("after an error the next chunk is read anew", async () => {
  const file = new Blob([content]);
  const { stream } = file;
  file.stream = () => new ReadableStream({ start: (sink) => sink.error(new Error("gone")) });
  const reader = new ChunkReader(file, MIB);
  await assert.rejects(reader.digest(0), { code: "file_unreadable" });
  file.stream = stream.bind(file);
  await requireChunk(reader, 0);
});

test("without WebCrypto, as outside secure contexts, there is no digest", async () => {
  const { crypto } = globalThis;
  Object.defineProperty(globalThis, "crypto", { value: {}, configurable: true });
  try {
    assert.equal(await new ChunkReader(new Blob([content]), MIB).digest(0), undefined);
  } finally {
    Object.defineProperty(globalThis, "crypto", { value: crypto, configurable: true });
  }
});
