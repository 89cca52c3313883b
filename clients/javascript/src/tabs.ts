import { UploadError } from "./errors.js";

// Web Locks hold across the tabs of an origin. Browsers give them to secure contexts only; without them tabs may do
// work twice, which the server bears.

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

/** Whether no other tab holds this name; if so, this one does until the signal comes. */
export function isFirst(name: string, signal: AbortSignal): Promise<boolean> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    void locks.request(`resumable-upload ${name}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise<void>((release) => signal.addEventListener("abort", () => release(), { once: true }));
    });
  });
}
