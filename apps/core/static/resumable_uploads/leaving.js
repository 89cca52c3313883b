// While uploads run the screen stays on, and whoever leaves is warned if something would be lost.

let wanted = false;
let lock;
let settling;

/** @param wouldLose whether something could not be gone on with after the page is left */
export function watchLeaving(wouldLose) {
  addEventListener("beforeunload", (event) => {
    if (wouldLose()) event.preventDefault();
  });
  // The browser takes the lock away from a page that is not seen.
  document.addEventListener("visibilitychange", settle);
}

/** Keep the screen on, or no longer. */
export function keepAwake(running) {
  if (running === wanted) return;
  wanted = running;
  settle();
}

/** One after the other: a lock that is asked for twice is let go once. */
function settle() {
  settling = Promise.resolve(settling).then(hold);
}

async function hold() {
  if (!wanted) {
    await lock?.release();
    lock = undefined;
  } else if (!(lock && !lock.released) && document.visibilityState === "visible") {
    // Out of battery, or forbidden: the upload goes on, and resumes if the device falls asleep.
    lock = await navigator.wakeLock?.request("screen").catch(() => undefined);
  }
}
