import { type SessionDocument, UploadApi } from "./api.js";
import { fingerprintOf } from "./fingerprint.js";
import { Line } from "./line.js";
import type { Load } from "./load.js";
import { type PreviousUpload, settingsOf, type UploaderOptions, type UploadOptions } from "./options.js";
import { persistently } from "./retrying.js";
import { Slots } from "./slots.js";
import { type Shared, Upload } from "./upload.js";

/** Uploads files to one server. Entry points make it a `ResumableUploader` by saying how to load what is rarely needed. */
export class Uploader {
  readonly #defaults: UploadOptions;
  readonly #shared: Shared;
  readonly #uploads = new Set<Upload>();

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
    };
  }

  /**
   * Upload a file, or resume it where an earlier attempt in this browser stopped.
   *
   * @returns the upload, which can be paused, resumed and aborted, and awaited for its result
   */
  uploadFile(file: File, options: UploadOptions = {}): Upload {
    const upload = new Upload(file, { ...this.#defaults, ...options }, this.#shared);
    this.#uploads.add(upload);
    const done = () => void this.#uploads.delete(upload);
    upload.then(done, done);
    return upload;
  }

  /** The uploads that have not ended. */
  get uploads(): Upload[] {
    return [...this.#uploads];
  }

  pause(): void {
    for (const upload of this.#uploads) upload.pause();
  }

  resume(): void {
    for (const upload of this.#uploads) upload.resume();
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
  async findPrevious(file: File): Promise<PreviousUpload[]> {
    const { previousOf } = await this.#shared.load.onDemand();
    const fingerprint = fingerprintOf(file, this.#shared.api.url);
    return previousOf(file, fingerprint, await this.#open(), await this.#shared.settings.storage.list());
  }

  /**
   * My unfinished uploads from everywhere, the newest first.
   *
   * @throws {UploadError}
   */
  async unfinished(): Promise<PreviousUpload[]> {
    const { unfinishedOf } = await this.#shared.load.onDemand();
    return unfinishedOf(await this.#open(), await this.#shared.settings.storage.list());
  }

  #open(): Promise<SessionDocument[]> {
    return this.list({ status: "active" });
  }

  /**
   * My newest sessions, at most 200, as the API has them.
   *
   * @throws {UploadError}
   */
  list(filters: { status?: SessionDocument["status"]; file_hash?: string } = {}): Promise<SessionDocument[]> {
    return this.#shared.api.list(filters, new AbortController().signal);
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
  async deleteUpload(uploadId: string, { signal = new AbortController().signal } = {}): Promise<void> {
    const { api, settings } = this.#shared;
    const here = this.uploads.filter((upload) => upload.uploadId === uploadId);
    await Promise.all(here.map((upload) => upload.abort()));
    await persistently(settings, signal, () => api.remove(uploadId, signal));
    await settings.storage.remove(uploadId);
  }
}
