import { UploadError } from "./errors.js";

// Without Web Locks and broadcasts (they need a secure context) tabs may do work twice, which the server bears.

/** Do something that only one tab does at a time. */
export async function exclusively<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return work();
  try {
    return (await locks.request(`resumable-upload ${name}`, { signal }, work)) as T;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw new UploadError("aborted");
    throw error;
  }
}

/** What a tab tells the others that send the same file. */
export interface ChunkNews {
  index: number;
  /** Whether the server has it now; otherwise it is being sent. */
  stored: boolean;
}

/** Tabs of one origin that continue the same session, and tell each other what they send, to share the work. */
export class Tabs {
  readonly #channel: BroadcastChannel | undefined;

  constructor(uploadId: string, onNews: (news: ChunkNews) => void) {
    if (!globalThis.BroadcastChannel) return;
    this.#channel = new BroadcastChannel(`resumable-upload ${uploadId}`);
    this.#channel.onmessage = ({ data }: MessageEvent<ChunkNews>) => onNews(data);
  }

  tell(news: ChunkNews): void {
    this.#channel?.postMessage(news);
  }

  close(): void {
    this.#channel?.close();
  }
}
