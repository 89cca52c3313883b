export type { SessionDocument, SessionProgress } from "./api.js";
export type { Batch, BatchOptions, Totals } from "./batch.js";
export { ChunkState } from "./chunk-table.js";
export { type ClientErrorCode, type Problem, UploadError } from "./errors.js";
export type { HttpAnswer, OutgoingRequest } from "./http.js";
export type { ListedPage, ListFilters, ListQuery } from "./managing.js";
export type {
  ChunkEvent,
  PreviousUpload,
  Source,
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
