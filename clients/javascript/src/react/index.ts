export { ResumableUpload, type ResumableUploadProps } from "./resumable-upload.js";
export type { UploadItem } from "./upload-list.js";
export { type ResumableUploads, useResumableUpload } from "./use-resumable-upload.js";
