import assert from "node:assert/strict";
import { test } from "node:test";
import { goesInOneRequest, ONE_CHUNK } from "../src/one-request.js";

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
  assert.equal(goesInOneRequest(file(1), { purpose: "library.video.file:token" }), false);
  for (const metadata of [{ trip: 7 }, { "a b": "" }, { "a,b": "" }, { ä: "" }, { a: { b: "" } }]) {
    assert.equal(goesInOneRequest(file(1), { metadata }), false, JSON.stringify(metadata));
  }
});
