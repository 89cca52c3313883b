import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { UploadError } from "../src/errors.js";
import type { UploadEvents, UploadOptions, UploadResult } from "../src/options.js";
import type { ItemEvents, ListOptions } from "../src/react/options.js";
import { UploadList } from "../src/react/upload-list.js";
import type { Uploader } from "../src/uploader.js";

class FakeUpload {
  readonly options: UploadOptions & Required<UploadEvents>;
  uploadId: string | undefined;
  cancelled = () => {};

  constructor(options: UploadOptions) {
    this.options = options as UploadOptions & Required<UploadEvents>;
  }

  pause() {
    this.options.onStateChange("paused", {});
  }

  resume() {
    this.options.onStateChange("uploading", {});
  }

  async abort({ cancel = false } = {}) {
    this.fail("aborted");
    if (cancel) await new Promise<void>((resolve) => Object.assign(this, { cancelled: resolve }));
  }

  fail(code: string, status = 0) {
    const error = new UploadError(code, { status });
    this.options.onStateChange(code === "aborted" ? "aborted" : "failed", { error });
    this.options.onError(error);
  }

  complete() {
    this.options.onStateChange("completed", {});
    this.options.onComplete({ uploadId: "1" } as UploadResult);
  }
}

function newList(options: Omit<ListOptions, "apiUrl"> = {}) {
  const made: FakeUpload[] = [];
  const state = { options: { apiUrl: "/api", ...options } as ListOptions, uploaders: 0 };
  const uploadFile = (_: File, given: UploadOptions) => made[made.push(new FakeUpload(given)) - 1];
  const abort = async () => {
    for (const upload of made) await upload.abort();
  };
  const list = new UploadList(
    () => state.options,
    () => {
      state.uploaders++;
      return { uploadFile, abort, deleteUpload: async () => {} } as unknown as Uploader;
    },
  );
  const upload = (place = 0) => made[place] as FakeUpload;
  const item = (place = 0) => {
    const found = list.snapshot().uploads[place];
    assert.ok(found);
    return found;
  };
  const shown = () => list.snapshot().uploads.map(({ status }) => status);
  const { upload: add, ...actions } = list.actions;
  return { list, made, state, upload, item, shown, add, ...actions };
}

const file = (size = 10, name = "a.bin") => new File([new Uint8Array(size)], name, { lastModified: 1 });
const turn = () => new Promise((resolve) => setTimeout(resolve));

test("no uploader is made before the first file", () => {
  const { list, add, state, upload, pauseAll, cancelAll } = newList();
  list.hold()();
  pauseAll();
  cancelAll();
  add(null);
  add([]);
  assert.equal(state.uploaders, 0);
  add([file(), file()]);
  assert.equal(state.uploaders, 1);
  assert.ok(upload(1));
});

test("every event is told to the list's latest options and to the files' own, with the file", () => {
  const told: unknown[] = [];
  const listener = (who: string) => {
    const names = ["Session", "Progress", "Speed", "Chunk", "StateChange", "Restart", "Complete", "Error"];
    const tell =
      (name: string) =>
      (detail: unknown, ...more: unknown[]) => {
        const { id } = more.at(-1) as { id: number };
        told.push([who, name, detail, id]);
      };
    return Object.fromEntries(names.map((name) => [`on${name}`, tell(name)])) as ItemEvents;
  };
  const { state, upload, add } = newList(listener("first render"));
  add([file()], listener("file"));
  state.options = { apiUrl: "/api", ...listener("latest render") };
  const { options } = upload();
  const error = new UploadError("too_large");
  const details = {
    onSession: ["id"],
    onProgress: [50, { sentBytes: 5, totalBytes: 10 }],
    onSpeed: [{ bytesPerSecond: 1, remainingSeconds: 5 }],
    onChunk: [{ index: 0, state: 2 }],
    onStateChange: ["uploading", {}],
    onRestart: [error],
    onComplete: [{ uploadId: "id" }],
    onError: [error],
  };
  for (const [name, given] of Object.entries(details)) {
    told.length = 0;
    (options[name as keyof UploadEvents] as (...all: unknown[]) => void)(...given);
    assert.deepEqual(told, [
      ["latest render", name.slice(2), given[0], 1],
      ["file", name.slice(2), given[0], 1],
    ]);
  }
});

test("a listener that throws is reported and keeps the others from nothing", () => {
  const complained = mock.method(console, "error", () => {});
  const own = mock.fn();
  const fails = () => {
    throw new Error("of the application");
  };
  const { upload, add } = newList({ onComplete: fails });
  add([file()], { onComplete: own });
  upload().complete();
  assert.equal(own.mock.callCount(), 1);
  assert.equal(complained.mock.callCount(), 1);
  complained.mock.restore();
});

test("what was stopped by choice is no error for the application, and a change of state all the same", () => {
  const onError = mock.fn();
  const onStateChange = mock.fn();
  const { item, upload, add } = newList({ onError, onStateChange });
  add([file()]);
  item().cancel();
  upload().cancelled();
  assert.equal(onError.mock.callCount(), 0);
  assert.equal(onStateChange.mock.calls[0]?.arguments[0], "aborted");
});

test("options of each file are those of the latest render, under those that the file was given", () => {
  const { state, upload, add } = newList({ metadata: { a: 1 }, chunkSize: 5 });
  add([file()]);
  state.options = { apiUrl: "/api", metadata: { a: 2 } };
  add([file()], { mimeType: "text/plain" });
  assert.deepEqual(upload(0).options.metadata, { a: 1 });
  assert.deepEqual(upload(1).options.metadata, { a: 2 });
  assert.equal(upload(1).options.chunkSize, undefined);
  assert.equal(upload(1).options.mimeType, "text/plain");
});

test("an item has what is known of its upload", async () => {
  const { item, upload, add } = newList();
  add([file()]);
  upload().options.onSession("id");
  upload().options.onStateChange("uploading", {});
  upload().options.onProgress(50, { sentBytes: 5, totalBytes: 10 });
  upload().options.onSpeed({ bytesPerSecond: 2, remainingSeconds: 2.5 });
  await new Promise((resolve) => setTimeout(resolve, 60));
  const { uploadId, status, progress, sentBytes, speed, remainingTime } = item();
  assert.deepEqual([uploadId, status, progress, sentBytes, speed, remainingTime], ["id", "uploading", 50, 5, 2, 2.5]);
});

test("events are shown twenty times a second at most, and what somebody does at once", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 1000;
  context.mock.method(performance, "now", () => now);
  const tick = (milliseconds: number) => {
    now += milliseconds;
    context.mock.timers.tick(milliseconds);
  };
  const { list, add, item, upload } = newList();
  const listener = mock.fn();
  list.subscribe(listener);
  add([file(), file(), file()]);
  assert.equal(listener.mock.callCount(), 1);
  for (let percentage = 0; percentage < 100; percentage++) {
    upload(percentage % 3).options.onProgress(percentage, { sentBytes: 1, totalBytes: 10 });
    upload(percentage % 3).options.onStateChange("uploading", {});
    tick(10);
  }
  assert.equal(listener.mock.callCount(), 1 + 20);
  const before = listener.mock.callCount();
  item().pause();
  assert.equal(listener.mock.callCount(), before + 1);
  assert.equal(item().status, "paused");
});

test("a file of which nothing changed is the same object", () => {
  const { item, upload, add } = newList();
  add([file(), file()]);
  const other = item(1);
  upload(0).options.onStateChange("uploading", {});
  item(0).pause();
  assert.equal(item(1), other);
});

test("all are paused, resumed, cancelled, and those that are done are cleared", () => {
  const { shown, upload, pauseAll, resumeAll, cancelAll, clearCompleted, add } = newList();
  add([file(), file(), file()]);
  upload(0).complete();
  upload(0).pause = upload(0).resume = () => {};
  pauseAll();
  assert.deepEqual(shown(), ["completed", "paused", "paused"]);
  resumeAll();
  assert.deepEqual(shown(), ["completed", "uploading", "uploading"]);
  cancelAll();
  assert.deepEqual(shown(), ["completed", "aborted", "aborted"]);
  clearCompleted();
  assert.deepEqual(shown(), ["aborted", "aborted"]);
});

test("a retry waits until the server has forgotten what was cancelled, and happens once", async () => {
  const { item, made, upload, add } = newList();
  add([file()]);
  item().cancel();
  item().retry();
  item().retry();
  await turn();
  assert.equal(made.length, 1);
  upload().cancelled();
  await turn();
  assert.equal(made.length, 2);
  assert.equal(item().status, "queued");
});

test("a retry resumes what it began anew itself", async () => {
  const { item, upload, add } = newList();
  add([file()], { resume: false });
  upload().uploadId = "own";
  upload().fail("network_error");
  item().retry();
  await turn();
  assert.equal(upload(0).options.resume, false);
  assert.equal(upload(1).options.resume, true);
});

test("a retry is offered where the same file may come to something else", () => {
  const { list, add, item, upload } = newList();
  const offered = (code: string, status = 0) => {
    const place = list.snapshot().uploads.length;
    add([file()]);
    assert.equal(item(place).canRetry, false);
    upload(place).fail(code, status);
    add([]); // Shows what happened.
    return item(place).canRetry;
  };
  for (const code of ["network_error", "aborted", "unexpected", "quota_exceeded", "not_authenticated"])
    assert.ok(offered(code), code);
  assert.ok(offered("hash_mismatch", 422));
  for (const code of ["extension_not_allowed", "too_large", "type_mismatch", "file_changed", "bad_filename"])
    assert.ok(!offered(code), code);
  assert.ok(!offered("a_validators_own", 422));
});

test("what lets go and takes hold again at once stops nothing", async () => {
  const { list, add, shown } = newList();
  const letGo = list.hold();
  add([file()]);
  letGo();
  const letGoAgain = list.hold();
  await turn();
  assert.deepEqual(shown(), ["queued"]);
  letGoAgain();
  await turn();
  add([file()]);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.deepEqual(shown(), ["aborted"]);
});

test("what was taken off the list is stopped and says nothing more", async () => {
  const { list, add, shown, item, upload } = newList();
  add([file(), file()]);
  const listener = mock.fn();
  item().remove();
  list.subscribe(listener);
  upload(0).options.onProgress(50, { sentBytes: 5, totalBytes: 10 });
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(listener.mock.callCount(), 0);
  assert.deepEqual(shown(), ["queued"]);
});

test("totals are those of all files", () => {
  const { list, add, upload } = newList();
  assert.deepEqual(list.snapshot().totals, {
    files: 0,
    completed: 0,
    failed: 0,
    totalBytes: 0,
    sentBytes: 0,
    percentage: 0,
    bytesPerSecond: 0,
    remainingSeconds: undefined,
  });
  add([file(100), file(100), file(100), file(0)]);
  upload(0).complete();
  upload(1).options.onProgress(50, { sentBytes: 50, totalBytes: 100 });
  upload(1).options.onSpeed({ bytesPerSecond: 10, remainingSeconds: 5 });
  upload(2).fail("too_large");
  add([]);
  assert.deepEqual(list.snapshot().totals, {
    files: 4,
    completed: 1,
    failed: 1,
    totalBytes: 300,
    sentBytes: 150,
    percentage: 50,
    bytesPerSecond: 10,
    remainingSeconds: 5,
  });
});

test("files without a byte count by their number", () => {
  const { list, add, upload } = newList();
  add([file(0), file(0)]);
  upload(0).complete();
  add([]);
  assert.equal(list.snapshot().totals.percentage, 50);
});
