import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply } from "../src/reading/messages.js";
import { serve } from "../src/reading/worker-main.js";

test("a fault of the browser's own, as of a policy that forbids WebAssembly, is not blamed on the file", async () => {
  const { compile } = WebAssembly;
  WebAssembly.compile = () => Promise.reject(new Error("Refused by the policy."));
  try {
    const replies: Reply[] = [];
    const scope: Parameters<typeof serve>[0] = { onmessage: null, postMessage: (reply) => replies.push(reply) };
    serve(scope);
    const ask = (data: unknown) => scope.onmessage?.({ data } as MessageEvent);
    ask({ kind: "open", file: new Blob(["0123"]), chunkSize: 4, expected: [] });
    ask({ kind: "hash" });
    while (replies.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(replies[1], { kind: "error", index: undefined, code: "unexpected" });
  } finally {
    WebAssembly.compile = compile;
  }
});
