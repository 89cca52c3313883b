import { canDigest, sha256 } from "./digests.js";
import { UploadError } from "./errors.js";

/**
 * Digests the chunks of a file. As long as they are asked for in order they come from one stream, which costs half of
 * what a slice for each does.
 */
export class ChunkReader {
  readonly #file: Blob;
  readonly #chunkSize: number;
  /** The bytes of one chunk; used again, for WebCrypto takes a copy at once. */
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  #stream: ReadableStreamDefaultReader<Uint8Array> | undefined;
  /** The chunk that the stream is at, and what it gave of it already. */
  #position = -1;
  #rest: Uint8Array = new Uint8Array();
  #turn: Promise<unknown> = Promise.resolve();

  /** @param chunkSize bytes of every chunk but the last */
  constructor(file: Blob, chunkSize: number) {
    this.#file = file;
    this.#chunkSize = chunkSize;
  }

  /**
   * The SHA-256 of a chunk, where the page may compute it; one after the other, who asked first is served first.
   *
   * @throws {UploadError} `file_unreadable`, `file_changed`
   */
  async digest(index: number): Promise<Uint8Array | undefined> {
    if (!canDigest()) return undefined;
    // In an object, or the turn would wait for the digest too.
    const reading = this.#turn.then(async () => ({ digesting: sha256(await this.#read(index)) }));
    this.#turn = reading.catch(() => this.close());
    return (await reading).digesting;
  }

  close(): void {
    this.#stream?.cancel().catch(() => {});
    this.#stream = undefined;
  }

  async #read(index: number): Promise<Uint8Array<ArrayBuffer>> {
    const start = index * this.#chunkSize;
    this.#bytes ??= new Uint8Array(Math.min(this.#chunkSize, this.#file.size));
    const bytes = this.#bytes.subarray(0, this.#file.size - start);
    if (!this.#stream || this.#position !== index) this.#seek(start);
    for (let filled = 0; filled < bytes.length; ) {
      if (this.#rest.length === 0) this.#rest = await this.#next();
      const part = this.#rest.subarray(0, bytes.length - filled);
      bytes.set(part, filled);
      filled += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    this.#position = index + 1;
    return bytes;
  }

  #seek(start: number): void {
    this.close();
    this.#rest = new Uint8Array();
    this.#stream = (start === 0 ? this.#file : this.#file.slice(start)).stream().getReader();
  }

  async #next(): Promise<Uint8Array> {
    const { done, value } = (await this.#stream?.read().catch(unreadable)) ?? { done: true };
    if (done || !value) throw new UploadError("file_changed");
    return value;
  }
}

function unreadable(cause: unknown): never {
  throw new UploadError("file_unreadable", { cause });
}
