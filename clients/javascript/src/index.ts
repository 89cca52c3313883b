import type { UploaderOptions } from "./options.js";
import { Uploader } from "./uploader.js";

export * from "./exports.js";

/** Uploads files to one server: resumable, in parallel chunks, each verified, and the whole file too. */
export class ResumableUploader extends Uploader {
  constructor(options: UploaderOptions) {
    super(options, { fileHash: () => import("./file-hash.js"), onDemand: () => import("./on-demand.js") });
  }
}
