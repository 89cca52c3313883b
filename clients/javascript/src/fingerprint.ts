/**
 * What tells a file from others without reading it: where it goes, and what the browser knows of it.
 *
 * A file that was changed on disk has another `lastModified`, so its earlier upload is not resumed with other bytes.
 */
export function fingerprintOf(file: File, apiUrl: string): string {
  return JSON.stringify([apiUrl, file.webkitRelativePath || file.name, file.size, file.lastModified]);
}

/**
 * The key under which the server finds the open session of a file again, though its id was never heard here: the
 * fingerprint, with the name and the metadata where the application gives them, for it asks for another upload then.
 */
export function clientKeyOf(
  fingerprint: string,
  { filename, metadata }: { filename?: string; metadata?: Record<string, unknown> },
): string {
  const plain = filename === undefined && metadata === undefined;
  return plain ? fingerprint : JSON.stringify([fingerprint, filename, metadata]);
}

/** A key that no session has. */
export function freshKey(): string {
  // Browsers give `crypto.randomUUID` to secure contexts only.
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
