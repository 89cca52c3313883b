"use client";

export { ResumableUploadProvider, type ResumableUploadProviderProps } from "./context.js";
export type { ItemEvents, ItemOptions, ListOptions } from "./options.js";
export { ResumableUpload, type ResumableUploadProps } from "./resumable-upload.js";
export type { UploadTotals } from "./totals.js";
export type { UploadItem } from "./upload-item.js";
export type { UploadActions, UploadsState } from "./upload-list.js";
export { type Dropzone, type DropzoneOptions, useDropzone } from "./use-dropzone.js";
export { type ResumableUploads, useResumableUpload, useUploadActions, useUploads } from "./use-resumable-upload.js";
