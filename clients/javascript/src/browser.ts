import { BrowserStorage, ChunkState, MemoryStorage, UploadError } from "./exports.js";
import type { UploaderOptions } from "./options.js";
import { Uploader } from "./uploader.js";

const { src } = document.currentScript as HTMLScriptElement;

class ResumableUploader extends Uploader {
  constructor(options: UploaderOptions) {
    // Beside this file, as it is deployed; not in it, for hardly anybody needs it.
    super(options, () => import(new URL("resumable-upload-file-hash.js", src).href));
  }
}

const members = { BrowserStorage, ChunkState, MemoryStorage, UploadError };
Object.assign(globalThis, { ResumableUploader: Object.assign(ResumableUploader, members) });
