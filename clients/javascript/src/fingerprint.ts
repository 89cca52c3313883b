import type { UploadOptions } from "./options.js";

/**
 * What tells a file from others without reading it: where it goes, what the browser knows of it, and what is said of it.
 *
 * A file that was changed on disk has another `lastModified`, so its earlier upload is not resumed with other bytes.
 * The server knows the open session of a file by it too (`client_key`), though its id was never heard here.
 */
export function fingerprintOf(file: File, apiUrl: string, options: UploadOptions = {}): string {
  const { filename, metadata, fingerprint, purpose } = options;
  // Its label alone: the rest is signed anew for each page.
  const label = purpose?.split(":", 1) ?? [];
  const own = typeof fingerprint === "function" ? fingerprint(file) : fingerprint;
  if (own !== undefined) return JSON.stringify([apiUrl, own, ...label]);
  const said = filename === undefined && metadata === undefined ? [] : [filename, metadata];
  return JSON.stringify([
    apiUrl,
    file.webkitRelativePath || file.name,
    file.size,
    file.lastModified,
    ...said,
    ...label,
  ]);
}

/** A key that no session has. */
export function freshKey(): string {
  // Browsers give `crypto.randomUUID` to secure contexts only.
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
