import { UploadError } from "../errors.js";
import type { Reader, Reading } from "./reader.js";
import { createHash, digestOf } from "./sha256.js";

// How far reading goes ahead of what is asked for: enough that digests are ready when they are needed, little enough
// that what is sent next is still in the system's cache.
const LEAD_BYTES = 32 * 2 ** 20;

/**
 * A reader on the thread it is made on: the worker's, or where there are no workers the page's.
 *
 * One pass over the file as a stream, several times cheaper than reading it slice by slice, gives the hash of the whole
 * and on its way the digests of the chunks. A chunk that is asked for far from where the pass is, is read for itself.
 */
export class LocalReader implements Reader {
  readonly #file: Blob;
  readonly #chunkSize: number;
  readonly #expected: Set<number>;
  readonly #digests = new Map<number, Promise<string>>();
  readonly #hash: Promise<string>;
  /** The chunk that the pass is in. */
  #position = 0;
  /** One more than the highest index that was asked for. */
  #asked = 0;
  #over = false;
  #changed = () => {};
  #change = this.#nextChange();

  constructor({ file, chunkSize, expected }: Reading) {
    this.#file = file;
    this.#chunkSize = chunkSize;
    this.#expected = new Set(expected);
    this.#hash = this.#pass().finally(() => {
      this.#over = true;
      this.#changed();
    });
    // Whoever asks for it hears of its failure; until then it is nobody's.
    this.#hash.catch(() => {});
  }

  async digest(index: number): Promise<string> {
    this.#asked = Math.max(this.#asked, index + 1);
    this.#changed();
    while (this.#comesSoon(index)) await this.#change;
    const digest = this.#digests.get(index);
    // Asked for again, it was refused: perhaps the file is no longer what the pass saw.
    this.#digests.delete(index);
    return digest ?? digestOf(await this.#bytesOf(index));
  }

  skip(index: number): void {
    this.#expected.delete(index);
    this.#changed();
  }

  wholeHash(): Promise<string> {
    this.#expected.clear();
    this.#changed();
    return this.#hash;
  }

  close(): void {
    this.#over = true;
    this.#changed();
  }

  #comesSoon(index: number): boolean {
    return (
      !this.#over &&
      this.#expected.has(index) &&
      index >= this.#position &&
      (index - this.#position) * this.#chunkSize <= LEAD_BYTES
    );
  }

  async #pass(): Promise<string> {
    const hash = await createHash();
    const chunk = new Uint8Array(Math.min(this.#chunkSize, this.#file.size));
    const stream = this.#file.stream().getReader();
    let size = 0;
    let filled = 0;
    for (;;) {
      await this.#beCloseEnough();
      const { done, value } = await stream.read().catch(unreadable);
      if (done || this.#over) break;
      hash.update(value);
      size += value.length;
      for (let rest = value; rest.length > 0; ) {
        const part = rest.subarray(0, chunk.length - filled);
        chunk.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
        if (filled === chunk.length) {
          this.#finishChunk(chunk);
          filled = 0;
        }
      }
    }
    if (filled > 0) this.#finishChunk(chunk.subarray(0, filled));
    if (size !== this.#file.size) throw new UploadError("file_changed");
    return hash.digest();
  }

  #finishChunk(bytes: Uint8Array): void {
    if (this.#expected.has(this.#position)) this.#digests.set(this.#position, digestOf(bytes));
    this.#position++;
    this.#changed();
  }

  async #beCloseEnough(): Promise<void> {
    const tooFar = () =>
      this.#expected.has(this.#position) && (this.#position - this.#asked) * this.#chunkSize > LEAD_BYTES;
    while (tooFar() && !this.#over) await this.#change;
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = () => {
        this.#change = this.#nextChange();
        resolve();
      };
    });
  }

  async #bytesOf(index: number): Promise<Uint8Array> {
    const slice = this.#file.slice(index * this.#chunkSize, (index + 1) * this.#chunkSize);
    const bytes = await slice.arrayBuffer().catch(unreadable);
    if (bytes.byteLength !== slice.size) throw new UploadError("file_changed");
    return new Uint8Array(bytes);
  }
}

function unreadable(cause: unknown): never {
  throw new UploadError("file_unreadable", { cause });
}
