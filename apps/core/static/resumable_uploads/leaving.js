// While uploads run the screen stays on, and whoever leaves is warned if something would be lost.

let lock;
let wanted = false;

/**
 * @param isRunning whether anything is being sent
 * @param wouldLose whether something could not be gone on with after the page is left
 */
export function watchLeaving(wouldLose) {
  addEventListener("beforeunload", (event) => {
    if (wouldLose()) event.preventDefault();
  });
  // The browser takes the lock away from a page that is not seen.
  document.addEventListener("visibilitychange", () => keepAwake(wanted));
}

/** Keep the screen on, or no longer. */
export async function keepAwake(running) {
  wanted = running;
  if (!running) {
    lock?.release();
    lock = undefined;
    return;
  }
  if (lock && !lock.released) return;
  if (document.visibilityState !== "visible" || !navigator.wakeLock) return;
  try {
    lock = await navigator.wakeLock.request("screen");
    if (!wanted) keepAwake(false);
  } catch {
    // Out of battery, or forbidden: the upload goes on, and resumes if the device falls asleep.
  }
}
