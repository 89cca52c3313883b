import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { LocalReader } from "../src/reading/local-reader.js";

const MIB = 2 ** 20;
const content = randomBytes(5 * MIB + 123);
const count = 6;

const sha256 = (bytes: Uint8Array, encoding: "hex" | "base64") => createHash("sha256").update(bytes).digest(encoding);
const chunk = (index: number) => content.subarray(index * MIB, (index + 1) * MIB);

/** A file that counts what is read of it. */
class CountedFile extends Blob {
  readBytes = 0;

  override slice(start?: number, end?: number): Blob {
    const part = super.slice(start, end);
    const arrayBuffer = part.arrayBuffer.bind(part);
    part.arrayBuffer = () => {
      this.readBytes += part.size;
      return arrayBuffer();
    };
    return part;
  }
}

function reading(expected: number[]) {
  const file = new CountedFile([content]);
  return { file, reader: new LocalReader({ file, chunkSize: MIB, expected }) };
}

test("digests chunks in any order, and the whole, reading each byte once", async () => {
  const { file, reader } = reading([...Array(count).keys()]);
  for (const index of [3, 0, 5, 1, 4, 2]) assert.equal(await reader.digest(index), sha256(chunk(index), "base64"));
  assert.equal(await reader.wholeHash(), sha256(content, "hex"));
  assert.equal(file.readBytes, content.length);
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

test("where hashing is slower than sending, digests wait, so that memory is bounded", async () => {
  const big = new Blob([randomBytes(8 * MIB)]);
  const file = new Blob(Array(12).fill(big));
  const reader = new LocalReader({ file, chunkSize: 8 * MIB, expected: [...Array(12).keys()] });
  const digests = await Promise.all(Array.from({ length: 12 }, (_, index) => reader.digest(index)));
  assert.equal(new Set(digests).size, 1);
  assert.match(await reader.wholeHash(), /^[0-9a-f]{64}$/);
});

test("a file that cannot be read is told as such", async () => {
  const file = new Blob([content]);
  file.slice = () => Object.assign(new Blob([chunk(0)]), { arrayBuffer: () => Promise.reject(new Error("gone")) });
  const reader = new LocalReader({ file, chunkSize: MIB, expected: [0] });
  await assert.rejects(reader.digest(0), { code: "file_unreadable" });
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
