import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { goesInOneRequest, ONE_CHUNK, wholeFile } from "../src/whole-file.js";

const file = (size: number) => new File([new Uint8Array(size)], "ä.bin");

test("files of one chunk go in one request, with what is text of their metadata", () => {
  assert.equal(goesInOneRequest(file(1), {}), true);
  assert.equal(goesInOneRequest(file(ONE_CHUNK), {}), true);
  assert.equal(goesInOneRequest(file(1), { metadata: { trip: "ä", empty: "" } }), true);
});

test("others do not", () => {
  assert.equal(goesInOneRequest(file(0), {}), false);
  assert.equal(goesInOneRequest(file(ONE_CHUNK + 1), {}), false);
  assert.equal(goesInOneRequest(file(100), { chunkSize: 99 }), false);
  for (const metadata of [{ trip: 7 }, { "a b": "" }, { "a,b": "" }, { ä: "" }, { a: { b: "" } }]) {
    assert.equal(goesInOneRequest(file(1), { metadata }), false, JSON.stringify(metadata));
  }
});

test("what is sent is the file, its digest, and its metadata as tus has it", async () => {
  const whole = await wholeFile(file(3), { metadata: { path: "a/ä", mark: "" }, mimeType: "text/csv" }, "key");
  const { blob, digest, ...rest } = whole;
  assert.equal(blob.size, 3);
  assert.deepEqual(Buffer.from(digest ?? []), createHash("sha256").update(new Uint8Array(3)).digest());
  const path = Buffer.from("a/ä").toString("base64");
  assert.deepEqual(rest, { filename: "ä.bin", mimeType: "text/csv", metadata: `path ${path},mark `, key: "key" });
});

test("a file that cannot be read is told as such", async () => {
  const gone = Object.assign(file(3), { arrayBuffer: () => Promise.reject(new Error("gone")) });
  await assert.rejects(wholeFile(gone, {}, "key"), { code: "file_unreadable" });
});
