const SIZE = 32;

/** Whether the page may compute digests: browsers give WebCrypto to secure contexts only, https and localhost. */
export function canDigest(): boolean {
  return globalThis.crypto?.subtle !== undefined;
}

/** The SHA-256, 32 bytes; undefined where the page may compute none. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array | undefined> {
  if (!canDigest()) return undefined;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

export function toBase64(digest: Uint8Array): string {
  return btoa(String.fromCharCode(...digest));
}

export function toHex(digest: Uint8Array): string {
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The digests of a file's chunks, as they become known. */
export class ChunkDigests {
  readonly #digests: (Uint8Array | undefined)[];

  constructor(count: number) {
    this.#digests = Array(count).fill(undefined);
  }

  has(index: number): boolean {
    return this.#digests[index] !== undefined;
  }

  /** @returns whether it is what was noted before of this chunk, if anything was */
  note(index: number, digest: Uint8Array | undefined): boolean {
    const before = this.#digests[index];
    if (digest) this.#digests[index] = digest;
    return !before || !digest || toHex(before) === toHex(digest);
  }

  /** The composite hash: the SHA-256 of all digests in order and their number; undefined where one is unknown. */
  async composite(): Promise<string | undefined> {
    const joined = new Uint8Array(this.#digests.length * SIZE);
    for (const [index, digest] of this.#digests.entries()) {
      if (!digest) return undefined;
      joined.set(digest, index * SIZE);
    }
    const digest = await sha256(joined);
    return digest && `${toHex(digest)}-${this.#digests.length}`;
  }
}
