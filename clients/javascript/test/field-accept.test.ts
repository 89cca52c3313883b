import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptedKinds, accepts, pickerTypes } from "../src/field/accept.js";

test("a file is accepted by its suffix, its type or its kind", () => {
  const accept = "video/*, .MKV ,application/pdf";
  assert.equal(accepts(accept, { name: "a.mp4", type: "video/mp4" }), true);
  assert.equal(accepts(accept, { name: "a.mkv", type: "" }), true);
  assert.equal(accepts(accept, { name: "A.MKV", type: "audio/other" }), true);
  assert.equal(accepts(accept, { name: "a", type: "application/PDF" }), true);
  assert.equal(accepts(accept, { name: "a.png", type: "image/png" }), false);
  assert.equal(accepts(accept, { name: "mkv", type: "image/png" }), false);
});

test("of what type a file is that the browser knows nothing of, the server says", () => {
  assert.equal(accepts("video/*", { name: "a.unknown", type: "" }), true);
  assert.equal(accepts(".mkv", { name: "a.unknown", type: "" }), false);
});

test("nothing said accepts all", () => {
  for (const accept of ["", " , "]) assert.equal(accepts(accept, { name: "a", type: "" }), true);
  assert.equal(pickerTypes(""), undefined);
});

test("kinds are said in words where there is one", () => {
  const words = (kind: string) => (kind === "video" ? "films" : undefined);
  assert.deepEqual(acceptedKinds("video/*,font/*,.mkv", words), ["films", "font/*", ".mkv"]);
});

test("a picker is told the same", () => {
  assert.deepEqual(pickerTypes("video/*,.mkv,.avi"), [
    { accept: { "video/*": [], "application/octet-stream": [".mkv", ".avi"] } },
  ]);
  assert.deepEqual(pickerTypes("text/plain"), [{ accept: { "text/plain": [] } }]);
});
