import assert from "node:assert/strict";
import { test } from "node:test";
import { clientKeyOf, freshKey } from "../src/fingerprint.js";

test("a key is the fingerprint as it is, or else a digest of it that the server takes", () => {
  assert.equal(clientKeyOf("a fingerprint", {}), "a fingerprint");
  const keys = Array.from({ length: 5000 }, (_, number) => clientKeyOf("long".repeat(40) + number, {}));
  assert.equal(new Set(keys).size, 5000);
  assert.ok(keys.every((key) => key.length <= 128));
  assert.equal(clientKeyOf(`${"long".repeat(40)}7`, {}), keys[7]);
});

test("a key needs neither a secure context nor WebAssembly, which a page may be without", () => {
  const { subtle } = crypto;
  Object.defineProperty(crypto, "subtle", { value: undefined, configurable: true });
  const { WebAssembly } = globalThis;
  Object.defineProperty(globalThis, "WebAssembly", { value: undefined, configurable: true });
  try {
    assert.equal(typeof clientKeyOf("long".repeat(40), { metadata: { relative_path: "a/b" } }), "string");
    assert.notEqual(freshKey(), freshKey());
  } finally {
    Object.defineProperty(globalThis, "WebAssembly", { value: WebAssembly, configurable: true });
    Object.defineProperty(crypto, "subtle", { value: subtle, configurable: true });
  }
});
