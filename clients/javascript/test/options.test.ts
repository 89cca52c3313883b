import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionDocument } from "../src/api.js";
import { resultOf } from "../src/options.js";

function resultWith(url: unknown) {
  const file = { name: "a.bin", size: 1, mime_type: "application/octet-stream", sha256: "00", url };
  const session = { upload_id: "id", metadata: { trip: 7 }, file } as unknown as SessionDocument;
  return resultOf(session, "https://uploads.example/api/v1/upload/");
}

test("a result has the file's absolute address", () => {
  const { url, ...rest } = resultWith("/api/v1/upload/file/id");
  assert.equal(url, "https://uploads.example/api/v1/upload/file/id");
  assert.deepEqual(rest, {
    uploadId: "id",
    name: "a.bin",
    size: 1,
    mimeType: "application/octet-stream",
    sha256: "00",
    metadata: { trip: 7 },
  });
});

test("what would run or fail as a link is no address, and the upload is a success all the same", () => {
  for (const url of ["javascript:alert(1)", "data:text/html,x", "http://[", undefined]) {
    assert.equal(resultWith(url).url, undefined);
    assert.equal(resultWith(url).uploadId, "id");
  }
});
