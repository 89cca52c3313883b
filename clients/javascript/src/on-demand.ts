/*
 * What only some uploads need. The file for a <script> tag loads it on demand, so its classes are others than the page's: it
 * makes no errors, and compares none by their class.
 */
export { appendInPieces, isSame, previousOf, unfinishedOf } from "./resuming.js";
export { warnWhereTokensCanBeRead } from "./transport.js";
