import assert from "node:assert/strict";
import { test } from "node:test";
import { Batch, type Totals } from "../src/batch.js";
import type { Source, UploadOptions, UploadResult } from "../src/options.js";
import type { Upload } from "../src/upload.js";

/** An upload that is told what it comes to. */
class Told {
  state = "uploading";
  readonly file: File;
  readonly options: UploadOptions;
  resolve: (result: UploadResult) => void = () => {};
  reject: (error: Error) => void = () => {};
  paused = 0;

  constructor(source: Source, options: UploadOptions) {
    this.file = source as File;
    this.options = options;
    const done = new Promise<UploadResult>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // biome-ignore lint/suspicious/noThenProperty: uploads are promises
    Object.assign(this, { then: done.then.bind(done) });
  }

  pause() {
    this.paused++;
  }
}

function batchOf(...sizes: number[]) {
  const uploads: Told[] = [];
  const totals: Totals[] = [];
  const start = (source: Source, options: UploadOptions) => {
    const told = new Told(source, options);
    uploads.push(told);
    return told as unknown as Upload;
  };
  const files = sizes.map((size) => new File([new Uint8Array(size)], `${size}.bin`));
  return { uploads, totals, batch: new Batch(files, { onTotals: (all) => totals.push(all) }, start) };
}

test("progress and speed are those of all files together", () => {
  const { uploads, batch, totals } = batchOf(100, 300);
  uploads[0]?.options.onSpeed?.({ bytesPerSecond: 10, remainingSeconds: 5 });
  uploads[1]?.options.onSpeed?.({ bytesPerSecond: 30, remainingSeconds: 5 });
  uploads[0]?.options.onProgress?.(50, { sentBytes: 50, totalBytes: 100 });
  uploads[1]?.options.onProgress?.(50, { sentBytes: 150, totalBytes: 300 });
  const { sentBytes, totalBytes, percentage, bytesPerSecond, remainingSeconds } = batch.totals;
  assert.deepEqual([sentBytes, totalBytes, percentage, bytesPerSecond, remainingSeconds], [200, 400, 50, 40, 5]);
  assert.equal(totals.at(-1)?.percentage, 50);
});

test("files without a byte count by their number", async () => {
  const { uploads, batch } = batchOf(0, 0);
  (uploads[0] as Told).state = "completed";
  assert.equal(batch.totals.percentage, 50);
});

test("one that fails takes no other with it, and results tell of each", async () => {
  const { uploads, batch } = batchOf(1, 2);
  const [first, second] = uploads as [Told, Told];
  first.state = "failed";
  first.reject(new Error("refused"));
  second.state = "completed";
  second.resolve({ name: "2.bin" } as UploadResult);
  assert.deepEqual(
    (await batch.results).map(({ status }) => status),
    ["rejected", "fulfilled"],
  );
  assert.deepEqual([batch.totals.files, batch.totals.completed, batch.totals.failed], [2, 1, 1]);
});

test("all are paused together", () => {
  const { uploads, batch } = batchOf(1, 2);
  batch.pause();
  assert.deepEqual(
    uploads.map(({ paused }) => paused),
    [1, 1],
  );
});

test("a stream counts with what has come of it", () => {
  const { uploads, batch } = batchOf(0, 100);
  uploads[0]?.options.onProgress?.(0, { sentBytes: 300, totalBytes: 0 });
  assert.deepEqual([batch.totals.totalBytes, batch.totals.percentage], [400, 75]);
});

test("no files at all are told too", async () => {
  const { totals } = batchOf();
  await Promise.resolve();
  assert.deepEqual([totals.length, totals[0]?.files], [1, 0]);
});
