import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { ChunkDigests, sha256, toBase64, toHex } from "../src/digests.js";

const digestOf = (text: string) => new Uint8Array(createHash("sha256").update(text).digest());

test("a digest is the same as elsewhere, in hex and in base64", async () => {
  const digest = (await sha256(new TextEncoder().encode("abc"))) as Uint8Array;
  assert.equal(toHex(digest), createHash("sha256").update("abc").digest("hex"));
  assert.equal(toBase64(digest), createHash("sha256").update("abc").digest("base64"));
});

test("the composite is the digest of all digests in order, and their number", async () => {
  const digests = new ChunkDigests(2);
  digests.note(1, digestOf("b"));
  assert.equal(await digests.composite(), undefined);
  digests.note(0, digestOf("a"));
  const joined = Buffer.concat([digestOf("a"), digestOf("b")]);
  assert.equal(await digests.composite(), `${createHash("sha256").update(joined).digest("hex")}-2`);
});

test("of an empty file it is the digest of nothing", async () => {
  assert.equal(await new ChunkDigests(0).composite(), `${createHash("sha256").digest("hex")}-0`);
});

test("a chunk that is read again must be what it was", () => {
  const digests = new ChunkDigests(1);
  assert.equal(digests.note(0, digestOf("a")), true);
  assert.equal(digests.note(0, digestOf("a")), true);
  assert.equal(digests.note(0, undefined), true);
  assert.equal(digests.note(0, digestOf("b")), false);
});
