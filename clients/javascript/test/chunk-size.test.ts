import assert from "node:assert/strict";
import { test } from "node:test";
import { preferredChunkSize } from "../src/chunk-size.js";

const MIB = 2 ** 20;

test("the server chooses for small files, slow lines, and those who save data", () => {
  assert.equal(preferredChunkSize(100 * MIB, {}), undefined);
  assert.equal(preferredChunkSize(1024 * MIB, { effectiveType: "3g" }), undefined);
  assert.equal(preferredChunkSize(1024 * MIB, { effectiveType: "4g", saveData: true }), undefined);
});

test("large files get larger chunks, up to 4 MiB", () => {
  assert.equal(preferredChunkSize(200 * MIB, { effectiveType: "4g" }), 2 * MIB);
  assert.equal(preferredChunkSize(256 * MIB, {}), 4 * MIB);
  assert.equal(preferredChunkSize(100 * 1024 * MIB, {}), 4 * MIB);
});
