import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { sha256OfFile } from "../src/file-hash.js";

const content = randomBytes(3 * 2 ** 20 + 1);
const never = new AbortController().signal;

test("the SHA-256 of a whole file", async () => {
  assert.equal(await sha256OfFile(new Blob([content]), never), createHash("sha256").update(content).digest("hex"));
});

test("can be given up", async () => {
  await assert.rejects(sha256OfFile(new Blob([content]), AbortSignal.abort()), { name: "AbortError" });
});

test("of a file that cannot be read is told as such", async () => {
  const file = new Blob([content]);
  file.stream = () => new ReadableStream({ start: (sink) => sink.error(new Error("gone")) });
  await assert.rejects(sha256OfFile(file, never), { message: "gone" });
});
