// Which uploads the tabs of this browser are at. Each holds a lock named after its upload, and the browser lets go of the
// locks of a tab that is gone.

const PREFIX = "uploads-page ";
const { locks } = navigator;
const mine = new Set();
const pages = globalThis.BroadcastChannel && new BroadcastChannel("uploads-page presence");
const listeners = new Set();

if (pages) {
  pages.onmessage = () => {
    for (const listener of listeners) listener();
  };
}

/** Told when another tab begins or ends an upload. */
export function onOtherTabs(listener) {
  listeners.add(listener);
}

/** This tab is at an upload, until what this returns is called. */
export function hold(uploadId) {
  let letGo = () => {};
  const held = new Promise((resolve) => {
    letGo = resolve;
  });
  mine.add(uploadId);
  locks?.request(PREFIX + uploadId, { mode: "shared" }, () => {
    pages?.postMessage("begun");
    return held;
  });
  return () => {
    letGo();
    mine.delete(uploadId);
    pages?.postMessage("ended");
  };
}

const watched = new Set();

/** Tell once all other tabs have ended an upload, or are gone: a lock that nobody shares is given at last. */
export function whenLetGo(uploadId, tell) {
  if (watched.has(uploadId)) return;
  watched.add(uploadId);
  locks?.request(PREFIX + uploadId, () => {
    watched.delete(uploadId);
    // Once this lock is let go too.
    setTimeout(tell);
  });
}

/** The ids of the uploads that other tabs are at. */
export async function inOtherTabs() {
  const { held = [] } = (await locks?.query()) ?? {};
  const names = held.map(({ name }) => name).filter((name) => name.startsWith(PREFIX));
  return new Set(names.map((name) => name.slice(PREFIX.length)).filter((uploadId) => !mine.has(uploadId)));
}
