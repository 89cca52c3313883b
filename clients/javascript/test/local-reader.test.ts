import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { LocalReader } from "../src/reading/local-reader.js";

const MIB = 2 ** 20;
const content = randomBytes(5 * MIB + 123);
const count = 6;

const sha256 = (bytes: Uint8Array, encoding: "hex" | "base64") => createHash("sha256").update(bytes).digest(encoding);
const chunk = (index: number) => content.subarray(index * MIB, (index + 1) * MIB);

/** A file that counts how often it is read in slices rather than as one stream. */
class CountedFile extends Blob {
  slices = 0;

  override slice(start?: number, end?: number): Blob {
    this.slices++;
    return super.slice(start, end);
  }
}

function reading(expected: number[]) {
  const file = new CountedFile([content]);
  return { file, reader: new LocalReader({ file, chunkSize: MIB, expected }) };
}

test("one pass over the file gives the digests and the hash of the whole", async () => {
  const { file, reader } = reading([...Array(count).keys()]);
  const digests = await Promise.all([3, 0, 5, 1, 4, 2].map((index) => reader.digest(index)));
  assert.deepEqual(
    digests,
    [3, 0, 5, 1, 4, 2].map((index) => sha256(chunk(index), "base64")),
  );
  assert.equal(await reader.wholeHash(), sha256(content, "hex"));
  assert.equal(file.slices, 0);
});

test("hashes what the server has already, and what is skipped, by itself", async () => {
  const { reader } = reading([1, 4]);
  await reader.digest(1);
  reader.skip(4);
  assert.equal(await reader.wholeHash(), sha256(content, "hex"));
});

test("the whole is hashed though chunks that were expected are never asked for", async () => {
  const { reader } = reading([0, 1, 2, 3, 4, 5]);
  assert.equal(await reader.wholeHash(), sha256(content, "hex"));
});

test("a chunk can be asked for again", async () => {
  const { reader } = reading([0]);
  assert.equal(await reader.digest(0), await reader.digest(0));
});

test("a chunk far ahead of the pass is read for itself", async () => {
  const file = new CountedFile(Array(60).fill(content.subarray(0, MIB)));
  const reader = new LocalReader({ file, chunkSize: MIB, expected: [59] });
  assert.equal(await reader.digest(59), sha256(chunk(0), "base64"));
  assert.equal(file.slices, 1);
  reader.close();
});

test("the pass goes only so far ahead of what is asked for", async () => {
  const file = new Blob(Array(100).fill(content.subarray(0, MIB)));
  let streamed = 0;
  const stream = file.stream.bind(file);
  file.stream = () =>
    stream().pipeThrough(
      new TransformStream({
        transform: (bytes, sink) => {
          streamed += bytes.length;
          sink.enqueue(bytes);
        },
      }),
    );
  const reader = new LocalReader({ file, chunkSize: MIB, expected: [...Array(100).keys()] });
  await reader.digest(0);
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.ok(streamed < 40 * MIB, `${streamed / MIB} MiB`);
  await reader.wholeHash();
  assert.equal(streamed, 100 * MIB);
});

test("a file that cannot be read is told as such", async () => {
  const file = new Blob([content]);
  file.stream = () => new ReadableStream({ start: (sink) => sink.error(new Error("gone")) });
  file.slice = () => Object.assign(new Blob([chunk(0)]), { arrayBuffer: () => Promise.reject(new Error("gone")) });
  const reader = new LocalReader({ file, chunkSize: MIB, expected: [0] });
  await assert.rejects(reader.digest(0), { code: "file_unreadable" });
  await assert.rejects(reader.wholeHash(), { code: "file_unreadable" });
});

test("without WebCrypto, as outside secure contexts, the digests are the same", async () => {
  const { crypto } = globalThis;
  Object.defineProperty(globalThis, "crypto", { value: {}, configurable: true });
  try {
    assert.equal(await reading([0]).reader.digest(0), sha256(chunk(0), "base64"));
  } finally {
    Object.defineProperty(globalThis, "crypto", { value: crypto, configurable: true });
  }
});
