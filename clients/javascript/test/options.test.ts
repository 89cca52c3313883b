import assert from "node:assert/strict";
import { test } from "node:test";
import type { Proof, SessionDocument } from "../src/api.js";
import { resultOf } from "../src/options.js";

function resultWith(url: unknown, proof: Proof = { composite_hash: "11-1" }, sha256: string | null = "00") {
  const digests = { sha256, composite_hash: "11-1" };
  const file = { name: "a.bin", size: 1, mime_type: "application/octet-stream", ...digests, url };
  const session = { upload_id: "id", metadata: { trip: 7 }, file } as unknown as SessionDocument;
  return resultOf(session, proof, "https://uploads.example/api/v1/upload/");
}

test("a result has the file's absolute address", () => {
  const { url, ...rest } = resultWith("/api/v1/upload/file/id");
  assert.equal(url, "https://uploads.example/api/v1/upload/file/id");
  assert.deepEqual(rest, {
    uploadId: "id",
    name: "a.bin",
    size: 1,
    mimeType: "application/octet-stream",
    verified: true,
    sha256: "00",
    compositeHash: "11-1",
    metadata: { trip: 7 },
    reference: undefined,
  });
});

test("what would run or fail as a link is no address, and the upload is a success all the same", () => {
  for (const url of ["javascript:alert(1)", "data:text/html,x", "http://[", undefined]) {
    assert.equal(resultWith(url).url, undefined);
    assert.equal(resultWith(url).uploadId, "id");
  }
});

test("a file is verified by either of its digests, and not without one", () => {
  assert.equal(resultWith("/", { file_hash: "00" }).verified, true);
  assert.equal(resultWith("/", { unverified: true }).verified, false);
});

test("a server that leaves out the SHA-256 of the whole says nothing of it", () => {
  assert.equal(resultWith("/", { composite_hash: "11-1" }, null).sha256, undefined);
});
