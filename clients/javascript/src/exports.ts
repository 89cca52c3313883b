export type { SessionDocument, SessionProgress } from "./api.js";
export { ChunkState } from "./chunk-table.js";
export { type ClientErrorCode, type Problem, UploadError } from "./errors.js";
export type {
  ChunkEvent,
  PreviousUpload,
  StateDetails,
  UploadEvents,
  UploaderOptions,
  UploadOptions,
  UploadResult,
  UploadState,
} from "./options.js";
export type { Speed } from "./progress.js";
export { BrowserStorage, MemoryStorage, type RememberedUpload, type UploadStorage } from "./storage.js";
export type { Supplied } from "./supplied.js";
export type { Upload } from "./upload.js";
