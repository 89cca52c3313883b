/*
 * What only some uploads need. The file for a <script> tag loads it on demand, so its classes are others than the page's: it
 * makes no errors, and compares none by their class.
 */
export { Batch } from "./batch.js";
export { dropHandle, keepHandle, reopen } from "./handles.js";
export { cancelUpload, deleteUpload, listPage, previousOf, unfinished } from "./managing.js";
export { appendInPieces, isSame } from "./resuming.js";
export { sendStream } from "./stream.js";
export { warnWhereTokensCanBeRead, warnWithoutDigests } from "./transport.js";
export { sendWhole } from "./whole-file.js";
