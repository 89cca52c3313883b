// A page that is being reloaded lets go of what it holds a moment after the next one asks.
const PATIENCE_MILLISECONDS = 1500;

/**
 * Hold an upload for this page: what another tab is sending, or is about to save, is not offered here too.
 *
 * @returns what lets go; undefined if another page holds it. Without Web Locks (they need a secure context) nobody is asked.
 */
export async function hold(uploadId: string): Promise<(() => void) | undefined> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return () => {};
  return new Promise((resolve) => {
    const waiting = { signal: AbortSignal.timeout(PATIENCE_MILLISECONDS) };
    locks
      .request(`resumable-upload field ${uploadId}`, waiting, () => new Promise<void>(resolve))
      .catch(() => resolve(undefined));
  });
}
