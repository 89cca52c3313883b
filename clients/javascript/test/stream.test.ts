import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { InitFields, UploadApi } from "../src/api.js";
import { Attempts } from "../src/attempts.js";
import { UploadError } from "../src/errors.js";
import { settingsOf } from "../src/options.js";
import { Slots } from "../src/slots.js";
import { sendStream } from "../src/stream.js";

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest();

/** A server whose chunks have four bytes; chunks with these indices fail once. */
class Server {
  readonly chunks = new Map<number, string>();
  readonly failing: Set<number>;
  init: InitFields | undefined;
  completed: unknown;
  inFlight = 0;
  mostInFlight = 0;
  cancelled = 0;

  constructor(failing: number[] = []) {
    this.failing = new Set(failing);
  }

  readonly api = {
    init: async (fields: InitFields) => {
      this.init = fields;
      return { upload_id: "id", chunk_size: 4 };
    },
    putChunk: async (_: string, index: number, { blob, digest }: { blob: Blob; digest: Uint8Array }) => {
      this.inFlight++;
      this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      this.inFlight--;
      if (this.failing.delete(index)) throw new UploadError("network_error");
      const text = await blob.text();
      assert.deepEqual(Buffer.from(digest), sha256(text));
      this.chunks.set(index, text);
    },
    cancel: async () => {
      this.cancelled++;
    },
    complete: async (_: string, proof: unknown) => {
      this.completed = proof;
      return { status: "completed" };
    },
  } as unknown as UploadApi;

  send(stream: ReadableStream<Uint8Array>, attempts = attemptsOf()) {
    const told: string[] = [];
    const sent: number[] = [];
    const done = sendStream({
      stream,
      filename: "a.bin",
      options: { metadata: { trip: 7 } },
      api: this.api,
      attempts,
      requests: new Slots(4),
      parallel: 4,
      onSession: (uploadId) => told.push(uploadId),
      onBytes: (bytes) => sent.push(bytes),
      onUploading: () => told.push("uploading"),
      onVerifying: () => told.push("verifying"),
    });
    return { done, told, sent };
  }
}

function attemptsOf(): Attempts {
  const settings = settingsOf({ apiUrl: "https://uploads.example/", retryDelays: [1] }, {} as never);
  return new Attempts(settings, new Slots(1), 0);
}

function streamOf(...parts: string[]): ReadableStream<Uint8Array> {
  return new Blob(parts).stream().pipeThrough(
    new TransformStream({
      transform: (bytes, controller) => {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      },
    }),
  );
}

test("a stream is cut into chunks, whatever its parts are, and its size told at its end", async () => {
  const server = new Server();
  const { done, told, sent } = server.send(streamOf("aaaab", "bbbc"));
  await done;
  assert.deepEqual([...server.chunks].sort(), [
    [0, "aaaa"],
    [1, "bbbb"],
    [2, "c"],
  ]);
  const joined = Buffer.concat(["aaaa", "bbbb", "c"].map(sha256));
  assert.deepEqual(server.completed, { composite_hash: `${sha256(joined).toString("hex")}-3`, total_size: 9 });
  assert.deepEqual([server.init?.total_size, server.init?.metadata], [undefined, { trip: 7 }]);
  assert.deepEqual(told, ["id", "uploading", "verifying"]);
  assert.equal(sent.at(-1), 9);
});

test("a chunk that did not arrive is sent again from memory", async () => {
  const server = new Server([1]);
  await server.send(streamOf("aaaabbbbcc")).done;
  assert.deepEqual([...server.chunks.keys()].sort(), [0, 1, 2]);
});

test("no more is read ahead than connections can send", async () => {
  const server = new Server();
  await server.send(streamOf("a".repeat(4000))).done;
  assert.equal(server.chunks.size, 1000);
  assert.ok(server.mostInFlight <= 4, String(server.mostInFlight));
});

test("an empty stream is an empty file", async () => {
  const server = new Server();
  await server.send(streamOf()).done;
  assert.equal((server.completed as { total_size: number }).total_size, 0);
});

test("a stream that breaks is an error, and is not completed", async () => {
  const server = new Server();
  const breaking = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("unplugged")),
  });
  await assert.rejects(server.send(breaking).done, { message: "unplugged" });
  assert.equal(server.completed, undefined);
  // Nobody could go on with it.
  assert.equal(server.cancelled, 1);
});

test("an upload that is aborted reads no more of the stream", async () => {
  const attempts = attemptsOf();
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(4)),
    cancel: () => {
      cancelled = true;
    },
  });
  const { done } = new Server().send(endless, attempts);
  attempts.abort();
  await assert.rejects(done, { code: "aborted" });
  assert.equal(cancelled, true);
});

test("an upload that is aborted waits for no source that is silent", async () => {
  const attempts = attemptsOf();
  const { done } = new Server().send(new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) }), attempts);
  await new Promise((resolve) => setImmediate(resolve));
  attempts.abort();
  await assert.rejects(done, { code: "aborted" });
});
