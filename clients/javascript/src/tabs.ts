import { UploadError } from "./errors.js";
import { Slots } from "./slots.js";

// Without Web Locks and broadcasts (they need a secure context) tabs may do work twice, which the server bears.
const inThisTab = new Map<string, Slots>();

/** Do something that only one tab does at a time; who asked first is served first. */
export async function exclusively<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return exclusivelyInThisTab(name, signal, work);
  try {
    return (await locks.request(`resumable-upload ${name}`, { signal }, work)) as T;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw new UploadError("aborted");
    throw error;
  }
}

async function exclusivelyInThisTab<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const slots = inThisTab.get(name) ?? new Slots(1);
  inThisTab.set(name, slots);
  const release = await slots.acquire(signal);
  try {
    return await work();
  } finally {
    release();
  }
}

/** Tabs of one origin that continue the same session, and tell each other which chunks they send, to share the work. */
export class Tabs {
  readonly #channel: BroadcastChannel | undefined;

  /** @param onNews given the index of a chunk that another tab stored, or its complement (`~index`) when it begins to */
  constructor(uploadId: string, onNews: (news: number) => void) {
    if (!globalThis.BroadcastChannel) return;
    this.#channel = new BroadcastChannel(`resumable-upload ${uploadId}`);
    this.#channel.onmessage = ({ data }: MessageEvent<number>) => onNews(data);
  }

  tell(news: number): void {
    this.#channel?.postMessage(news);
  }

  close(): void {
    this.#channel?.close();
  }
}
