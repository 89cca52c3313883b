// What the server takes, in words, and which files it will not take.
import { bytes, list } from "./format.js";
import { wholeSuffix } from "./names.js";
import { pageData } from "./page-data.js";
import { say } from "./texts.js";

const { types, maxFileSize } = pageData;
const MOST_SUFFIXES = 6;
const ARCHIVES = /zip|gzip|x-xz|zstd|7z|x-tar|compressed/;
const DOCUMENTS = /^text\/|pdf|officedocument|opendocument|json/;
const ORDER = ["images", "videos", "audio", "documents", "archives", "others"];

function kindOf(type) {
  if (type.startsWith("image/")) return "images";
  if (type.startsWith("video/")) return "videos";
  if (type.startsWith("audio/")) return "audio";
  if (ARCHIVES.test(type)) return "archives";
  return DOCUMENTS.test(type) ? "documents" : "others";
}

/** The suffixes if they are few, and otherwise the kinds of files. */
export function acceptedKinds() {
  const suffixes = Object.keys(types);
  if (suffixes.length <= MOST_SUFFIXES) return list(suffixes);
  const kinds = new Set(Object.values(types).map(kindOf));
  // "Others" says nothing beside the kinds that have a name.
  if (kinds.size > 1) kinds.delete("others");
  return list(ORDER.filter((kind) => kinds.has(kind)).map((kind) => say(kind)));
}

export function acceptedInWords() {
  return say("accepted", { size: bytes(maxFileSize), kinds: acceptedKinds() });
}

/** The code of the error with which the server would refuse a file; undefined if it would take it. */
export function refusalOf(file) {
  if (!(wholeSuffix(file.name) in types)) return "extension_not_allowed";
  return file.size > maxFileSize ? "too_large" : undefined;
}
