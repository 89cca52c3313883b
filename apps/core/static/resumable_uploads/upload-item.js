// One file on its way: what is known of it, and what can be done with it. No element of the page.
import { cancelWhileLeaving, deleteWhileLeaving } from "./parting.js";
import { hold } from "./presence.js";
import { undoable } from "./undo.js";

const ENDED = new Set(["completed", "failed", "aborted"]);

export class UploadItem {
  #uploader;
  #options;
  #onChange;
  #upload;
  #undo;
  #letGo = () => {};
  /** Whether it is paused too once its cancelling is undone. */
  #staysPaused = false;
  state = "queued";
  sentBytes = 0;
  bytesPerSecond = 0;
  remainingSeconds;
  /** Why it waits or failed. */
  error;
  /** Milliseconds until the next attempt; undefined while offline. */
  retryIn;
  result;
  /** Whether it is about to be cancelled, unless that is undone. */
  cancelling = false;

  /**
   * @param source its file, and what is known of that: `relativePath`, `handle`, `uploadId`, `filename`, `pasted`
   * @param onChange told "chunk", "progress", "session", "state", "removed", or "cancelled" when the server has done it
   */
  constructor(uploader, source, onChange) {
    this.#uploader = uploader;
    this.#options = source;
    this.#onChange = onChange;
    this.file = source.file;
    this.name = source.filename ?? source.file.name;
    this.path = source.relativePath ?? this.name;
    this.uploadId = source.uploadId;
  }

  /** A `ChunkState` for each chunk, once there are any. */
  get chunks() {
    return this.#upload?.chunks;
  }

  get ended() {
    return ENDED.has(this.state);
  }

  get relativePath() {
    return this.#options.relativePath;
  }

  /** Whether it could not be gone on with after the page is left: nobody could find its file again. */
  get wouldBeLost() {
    if (this.ended || this.cancelling) return false;
    return Boolean(this.#options.pasted) || (!this.uploadId && !this.#options.handle);
  }

  /** It is not even tried. */
  refuse(code) {
    this.#fail({ code });
  }

  start() {
    const { relativePath, uploadId, handle, filename } = this.#options;
    this.error = undefined;
    this.state = "queued";
    this.#upload = this.#uploader.uploadFile(this.file, {
      ...(uploadId && { uploadId }),
      ...(handle && { handle }),
      ...(filename && { filename }),
      ...(relativePath && { metadata: { relative_path: relativePath } }),
      onSession: (id) => this.#know(id),
      onProgress: (_, { sentBytes }) => {
        this.sentBytes = sentBytes;
        this.#onChange(this, "progress");
      },
      onSpeed: ({ bytesPerSecond, remainingSeconds }) => {
        this.bytesPerSecond = bytesPerSecond;
        this.remainingSeconds = remainingSeconds;
        this.#onChange(this, "progress");
      },
      onChunk: () => this.#onChange(this, "chunk"),
      onStateChange: (state, { error, retryIn }) => {
        // What ends it is told by what follows.
        if (!ENDED.has(state)) this.#be(state, error, retryIn);
      },
      onComplete: (result) => {
        this.result = result;
        this.#be("completed");
      },
      onError: (error) => this.#fail(error),
    });
  }

  pause() {
    this.#staysPaused = true;
    if (!this.cancelling) this.#upload?.pause();
  }

  resume() {
    if (!this.cancelling) this.#upload?.resume();
  }

  retry() {
    if (!this.ended) return this.#upload.resume();
    this.start();
    this.#onChange(this, "state");
  }

  /** Stop it, and have the server forget it, after some time in which that can be undone. */
  cancel() {
    if (this.cancelling) return;
    this.#staysPaused = this.state === "paused";
    this.#upload?.pause();
    this.cancelling = true;
    const end = undoable(
      () => this.#cancelNow(),
      () => this.#cancelWhileLeaving(),
    );
    this.#undo = () => {
      end();
      this.cancelling = false;
      if (!this.#staysPaused) this.#upload?.resume();
      this.#onChange(this, "state");
    };
    this.#onChange(this, "state");
  }

  undo() {
    this.#undo?.();
  }

  /** Take it off the page; the server keeps what it has. */
  dismiss() {
    this.#upload?.abort();
    this.#letGo();
    this.#onChange(this, "removed");
  }

  async #cancelNow() {
    this.#letGo();
    this.#onChange(this, "removed");
    // Where the server cannot be reached, it forgets the upload by itself, in a day.
    await this.#upload.abort({ cancel: true }).catch(() => {});
    if (this.result) await this.#uploader.deleteUpload(this.result.uploadId).catch(() => {});
    this.#onChange(this, "cancelled");
  }

  #cancelWhileLeaving() {
    if (this.result) deleteWhileLeaving(this.result.uploadId);
    else if (this.uploadId) cancelWhileLeaving(this.uploadId);
  }

  #know(uploadId) {
    this.uploadId = uploadId;
    this.#letGo();
    this.#letGo = hold(uploadId);
    this.#onChange(this, "session");
  }

  #fail(error) {
    this.#be(error.code === "aborted" ? "aborted" : "failed", error);
  }

  #be(state, error, retryIn) {
    this.state = state;
    this.error = error;
    this.retryIn = retryIn;
    if (this.ended) {
      this.bytesPerSecond = 0;
      this.remainingSeconds = undefined;
      this.#letGo();
    }
    if (state === "completed") this.sentBytes = this.file.size;
    this.#onChange(this, "state");
  }
}
