import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { Call, UploadApi } from "../src/api.js";
import type { UploadOptions } from "../src/options.js";
import { sendWhole } from "../src/whole-file.js";

const file = new File([new Uint8Array(3)], "ä.bin");
const { signal } = new AbortController();

async function sent(options: UploadOptions): Promise<Call> {
  const calls: Call[] = [];
  const api = { json: async (_method: string, _path: string, call: Call) => calls.push(call) } as unknown as UploadApi;
  await sendWhole(api, file, options, "key", signal);
  return calls[0] as Call;
}

test("what is sent is the file, its name, its digest, and its metadata as tus has it", async () => {
  const call = await sent({ metadata: { path: "a/ä", mark: "" }, mimeType: "text/csv" });
  assert.equal(call.blob?.size, 3);
  const digest = createHash("sha256").update(new Uint8Array(3)).digest("base64");
  assert.deepEqual(call.headers, {
    "Content-Type": "text/csv",
    "Content-Disposition": "attachment; filename*=UTF-8''%C3%A4.bin",
    "Idempotency-Key": '"key"',
    "Upload-Complete": "?1",
    "Upload-Metadata": `path ${Buffer.from("a/ä").toString("base64")},mark `,
    "Repr-Digest": `sha-256=:${digest}:`,
  });
});

test("without metadata and a type there are none", async () => {
  const { headers } = await sent({ filename: "b.bin" });
  assert.equal(headers?.["Content-Type"], "application/octet-stream");
  assert.equal(headers?.["Content-Disposition"], "attachment; filename*=UTF-8''b.bin");
  assert.equal("Upload-Metadata" in (headers ?? {}), false);
});
