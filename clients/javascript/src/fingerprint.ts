// What the server takes as a `client_key`, in characters.
const LONGEST_KEY = 128;

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
  const key = plain ? fingerprint : JSON.stringify([fingerprint, filename, metadata]);
  return key.length <= LONGEST_KEY ? key : `digest ${mix(key, 1)} ${mix(key, 2)}`;
}

/** A key that no session has. */
export function freshKey(): string {
  // Browsers give `crypto.randomUUID` to secure contexts only.
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}

/**
 * A digest that is good enough among the open uploads of one owner, whose name and size are compared too (cyrb53).
 * SHA-256 would need a secure context, or WebAssembly, which a page's Content-Security-Policy may leave to the worker.
 */
function mix(text: string, seed: number): string {
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ seed;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
