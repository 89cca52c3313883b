import assert from "node:assert/strict";
import { test } from "node:test";
import { clientKeyOf, freshKey } from "../src/fingerprint.js";

test("a key is the fingerprint, with the name and the metadata where the application gives them", () => {
  assert.equal(clientKeyOf("a fingerprint", {}), "a fingerprint");
  const keys = [{}, { filename: "b" }, { metadata: { trip: 7 } }, { filename: "b", metadata: { trip: 7 } }];
  assert.equal(new Set(keys.map((options) => clientKeyOf("a fingerprint", options))).size, 4);
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
