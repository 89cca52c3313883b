import { type SessionDocument, UploadApi } from "./api.js";
import { Attempts } from "./attempts.js";
import type { Batch, BatchOptions } from "./batch.js";
import { fingerprintOf } from "./fingerprint.js";
import { Line } from "./line.js";
import type { Load } from "./load.js";
import type { ListedPage, ListFilters, ListQuery } from "./managing.js";
import { type PreviousUpload, type Source, settingsOf, type UploaderOptions, type UploadOptions } from "./options.js";
import { Slots } from "./slots.js";
import { type Shared, Upload } from "./upload.js";

/** Uploads files to one server. Entry points make it a `ResumableUploader` by saying how to load what is rarely needed. */
export class Uploader {
  readonly #defaults: UploadOptions;
  readonly #shared: Shared;
  /** By their fingerprints, so no two have one session. */
  readonly #uploads = new Map<string, Upload>();

  constructor(options: UploaderOptions, load: Load) {
    const settings = settingsOf(options, load);
    const api = new UploadApi(settings.api);
    this.#defaults = options;
    this.#shared = {
      api,
      settings,
      files: new Slots(settings.parallelFiles),
      smallFiles: new Slots(settings.parallelFiles),
      requests: new Slots(settings.parallel, 1),
      line: new Line(api.url),
      load,
      attempts: () => new Attempts(settings, new Slots(1), 0),
    };
  }

  /**
   * Upload a file, or resume it where an earlier attempt in this browser stopped.
   *
   * @param source give what is no `File` a name by the option `filename`, for the server goes by its suffix
   * @returns the upload, which can be paused, resumed and aborted, and awaited for its result
   */
  uploadFile(source: Source, options: UploadOptions = {}): Upload {
    const all = { ...this.#defaults, ...options };
    const stream = source instanceof ReadableStream ? source : undefined;
    // The time is left out of what tells it from others: it is not that of the bytes.
    const made = () => new File(stream ? [] : [source as BlobPart], all.filename ?? "file.bin", { lastModified: 0 });
    const file = source instanceof File ? source : made();
    const fingerprint = this.#unusedFingerprint(file, all);
    const upload = new Upload(file, fingerprint, all, this.#shared, stream);
    this.#uploads.set(fingerprint, upload);
    const done = () => void this.#uploads.delete(fingerprint);
    upload.then(done, done);
    return upload;
  }

  /** Upload several files as one batch, with totals. */
  async uploadFiles(sources: Iterable<Source>, options: BatchOptions = {}): Promise<Batch> {
    const { Batch } = await this.#shared.load.onDemand();
    return new Batch(sources, { ...this.#defaults, ...options }, (source, each) => this.uploadFile(source, each));
  }

  /** Files that browsers cannot tell apart are still several: each has a session of its own. */
  #unusedFingerprint(file: File, options: UploadOptions): string {
    const fingerprint = fingerprintOf(file, this.#shared.api.url, options);
    let own = fingerprint;
    for (let twin = 2; this.#uploads.has(own); twin++) own = `${fingerprint} ${twin}`;
    return own;
  }

  /** The uploads that have not ended. */
  get uploads(): Upload[] {
    return [...this.#uploads.values()];
  }

  pause(): void {
    for (const upload of this.uploads) upload.pause();
  }

  resume(): void {
    for (const upload of this.uploads) upload.resume();
  }

  /** End all uploads; see {@link Upload.abort}. */
  async abort(options: { cancel?: boolean } = {}): Promise<void> {
    await Promise.all(this.uploads.map((upload) => upload.abort(options)));
  }

  /**
   * Unfinished uploads that this file may resume, for applications that ask before they do: those of this browser
   * first, then those of the same name and size that were begun elsewhere. Resume one with
   * `uploadFile(file, {uploadId})`, or begin anew with `uploadFile(file, {resume: false})`.
   *
   * @throws {UploadError}
   */
  async findPrevious(file: File, options: UploadOptions = {}): Promise<PreviousUpload[]> {
    const { previousOf } = await this.#shared.load.onDemand();
    return previousOf(this.#shared, file, { ...this.#defaults, ...options });
  }

  /**
   * My unfinished uploads from everywhere, the newest first.
   *
   * @throws {UploadError}
   */
  async unfinished(): Promise<PreviousUpload[]> {
    return (await this.#shared.load.onDemand()).unfinished(this.#shared);
  }

  /**
   * The file of an unfinished upload whose `handle` is kept in this browser, with that handle: give both to
   * `uploadFile(file, {uploadId, handle})`. Call it where somebody has just clicked, for the browser may ask for permission.
   *
   * @returns undefined if there is none, it is gone, or nobody grants it within ten seconds: let them choose it again
   */
  async reopen(uploadId: string): Promise<{ file: File; handle: FileSystemFileHandle } | undefined> {
    return (await this.#shared.load.onDemand()).reopen(uploadId);
  }

  /**
   * My newest sessions, at most 200, as the API has them.
   *
   * @throws {UploadError}
   */
  async list(filters: ListFilters = {}): Promise<SessionDocument[]> {
    return (await this.listPage({ ...filters, page_size: 200 })).sessions;
  }

  /**
   * A page of my sessions, the newest first, and what to give as `cursor` for the next, if there is one.
   *
   * @throws {UploadError}
   */
  async listPage(query: ListQuery = {}): Promise<ListedPage> {
    return (await this.#shared.load.onDemand()).listPage(this.#shared, query);
  }

  /**
   * Tell the server to forget an unfinished upload.
   *
   * @throws {UploadError}
   */
  async cancel(uploadId: string): Promise<void> {
    await this.#shared.settings.storage.remove(uploadId);
    await this.#shared.api.cancel(uploadId, new AbortController().signal);
  }

  /**
   * Delete an upload from the server in whatever state it is, with its file. One of this uploader that is under way is
   * aborted. Tried again as other requests are, and a success for an upload that is gone already.
   *
   * @param options.signal gives up; whether the server has deleted it is then unknown
   * @throws {UploadError}
   */
  async deleteUpload(uploadId: string, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const here = this.uploads.filter((upload) => upload.uploadId === uploadId);
    await Promise.all(here.map((upload) => upload.abort()));
    await (await this.#shared.load.onDemand()).deleteUpload(this.#shared, uploadId, signal);
  }
}
