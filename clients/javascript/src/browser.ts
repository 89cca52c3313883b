import { BrowserStorage, ChunkState, MemoryStorage, UploadError } from "./exports.js";
import type { UploaderOptions } from "./options.js";
import { Uploader } from "./uploader.js";

const { src } = document.currentScript as HTMLScriptElement;

class ResumableUploader extends Uploader {
  constructor(options: UploaderOptions) {
    // Beside this file, as it is deployed; not in it, for only some uploads need them.
    const load = (name: string) => import(new URL(`resumable-upload-${name}.js`, src).href);
    super(options, { fileHash: () => load("file-hash"), onDemand: () => load("on-demand") });
  }
}

const members = { BrowserStorage, ChunkState, MemoryStorage, UploadError };
Object.assign(globalThis, { ResumableUploader: Object.assign(ResumableUploader, members) });
