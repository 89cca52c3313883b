import { UploadError } from "../errors.js";
import type { Reply, Request } from "./messages.js";
import type { Reader, Reading } from "./reader.js";

interface Pending<T> {
  resolve(value: T): void;
  reject(error: UploadError): void;
}

/** A reader whose work a Web Worker does, so that the page stays quick. */
export class WorkerReader implements Reader {
  readonly #worker: Worker;
  readonly #digests = new Map<number, Pending<string>>();
  #hash: Pending<string> | undefined;
  #hashing: Promise<string> | undefined;

  constructor(worker: Worker, reading: Reading) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#receive(data);
    this.#ask({ kind: "open", ...reading });
  }

  digest(index: number): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#digests.set(index, { resolve, reject });
      this.#ask({ kind: "digest", index });
    });
  }

  skip(index: number): void {
    this.#ask({ kind: "skip", index });
  }

  wholeHash(): Promise<string> {
    this.#hashing ??= new Promise((resolve, reject) => {
      this.#hash = { resolve, reject };
      this.#ask({ kind: "hash" });
    });
    return this.#hashing;
  }

  close(): void {
    this.#worker.terminate();
    const closed = new UploadError("aborted");
    for (const pending of this.#digests.values()) pending.reject(closed);
    this.#hash?.reject(closed);
  }

  #ask(request: Request): void {
    this.#worker.postMessage(request);
  }

  #receive(reply: Reply): void {
    switch (reply.kind) {
      case "digest":
        this.#digests.get(reply.index)?.resolve(reply.digest);
        this.#digests.delete(reply.index);
        break;
      case "hash":
        this.#hash?.resolve(reply.sha256);
        break;
      case "error": {
        const pending = reply.index === undefined ? this.#hash : this.#digests.get(reply.index);
        pending?.reject(new UploadError(reply.code));
        break;
      }
    }
  }
}
