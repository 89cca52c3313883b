import assert from "node:assert/strict";
import { test } from "node:test";
import { fingerprintOf, freshKey } from "../src/fingerprint.js";

const API = "https://uploads.example/api/";

function fileOf(path = "", { name = "a.bin", size = 1, lastModified = 1 } = {}): File {
  const file = new File([new Uint8Array(size)], name, { lastModified });
  return Object.defineProperty(file, "webkitRelativePath", { value: path });
}

test("files differ by path, name, size, time, API, and what is said of them", () => {
  const prints = [
    fingerprintOf(fileOf(), API),
    fingerprintOf(fileOf("one/a.bin"), API),
    fingerprintOf(fileOf("two/a.bin"), API),
    fingerprintOf(fileOf("", { name: "b.bin" }), API),
    fingerprintOf(fileOf("", { size: 2 }), API),
    fingerprintOf(fileOf("", { lastModified: 2 }), API),
    fingerprintOf(fileOf(), "https://other.example/api/"),
    fingerprintOf(fileOf(), API, { filename: "b" }),
    fingerprintOf(fileOf(), API, { metadata: { trip: 7 } }),
    fingerprintOf(fileOf(), API, { metadata: { trip: 8 } }),
    fingerprintOf(fileOf(), API, { filename: "b", metadata: { trip: 7 } }),
  ];
  assert.equal(new Set(prints).size, prints.length);
  assert.equal(fingerprintOf(fileOf("one/a.bin"), API), prints[1]);
});

test("an application may tell files apart itself, by a text or a function", () => {
  const own = { fingerprint: ({ name }: File) => `mine ${name}` };
  assert.equal(fingerprintOf(fileOf("one/a.bin"), API, own), fingerprintOf(fileOf("two/a.bin"), API, own));
  assert.equal(fingerprintOf(fileOf(), API, own), fingerprintOf(fileOf(), API, { fingerprint: "mine a.bin" }));
});

test("a fresh key needs no secure context", () => {
  const { subtle } = crypto;
  Object.defineProperty(crypto, "subtle", { value: undefined, configurable: true });
  try {
    assert.notEqual(freshKey(), freshKey());
  } finally {
    Object.defineProperty(crypto, "subtle", { value: subtle, configurable: true });
  }
});

test("a file for another field is another upload, and the same one with another token of the field", () => {
  const prints = [undefined, "library.video.file:one:signed", "library.video.poster:one:signed"].map((purpose) =>
    fingerprintOf(fileOf(), API, purpose ? { purpose } : {}),
  );
  assert.equal(new Set(prints).size, prints.length);
  assert.equal(fingerprintOf(fileOf(), API, { purpose: "library.video.file:two:signed" }), prints[1]);
  const own = { fingerprint: "own" };
  assert.notEqual(fingerprintOf(fileOf(), API, { ...own, purpose: "a.b:c" }), fingerprintOf(fileOf(), API, own));
});
