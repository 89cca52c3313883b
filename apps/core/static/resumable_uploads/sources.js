// Where files come from: drops, pastes, inputs and pickers. Each is told with what is known of it: a `relativePath` if it came
// in a folder, and a `handle` where the browser gives one, by which it can be read again after a reload.
import { moment } from "./format.js";
import { suffix } from "./names.js";
import { say } from "./texts.js";

// What file managers leave in folders.
const LITTER = /^(\.DS_Store|Thumbs\.db|desktop\.ini|\._.*)$/;

/** Found files, folders in which nothing was, and how much litter was left out. */
class Found {
  sources = [];
  emptyFolders = [];
  /** Names of what could not be read. */
  unreadable = [];
  litter = 0;

  add(file, source) {
    if (LITTER.test(file.name)) this.litter++;
    else this.sources.push({ file, ...source });
  }

  /** Add a file once it is open. */
  async take(path, opening, source) {
    const file = await opening.catch(() => undefined);
    if (file) this.add(file, source);
    else this.unreadable.push(path);
  }
}

/** All files of a drop, those in folders too. */
export async function fromDrop(transfer) {
  // Items must be asked before the first await; afterwards the drop is gone.
  const asked = [...transfer.items]
    .filter(({ kind }) => kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry(), handle: item.getAsFileSystemHandle?.().catch(() => undefined) }));
  const found = new Found();
  for (const { entry, handle } of asked) {
    const kept = await handle;
    // One that cannot be read takes no other with it.
    const walking = kept ? walkHandle(kept, kept.name, found) : entry && walkEntry(entry, found);
    await Promise.resolve(walking).catch(() => found.unreadable.push(kept?.name ?? entry.name));
  }
  return found;
}

async function walkHandle(handle, path, found) {
  if (handle.kind === "file") {
    const relativePath = path === handle.name ? undefined : path;
    await found.take(path, handle.getFile(), { handle, relativePath });
    return;
  }
  let isEmpty = true;
  for await (const child of handle.values()) {
    isEmpty = false;
    await walkHandle(child, `${path}/${child.name}`, found);
  }
  if (isEmpty) found.emptyFolders.push(path);
}

async function walkEntry(entry, found) {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const opening = new Promise((resolve, reject) => entry.file(resolve, reject));
    await found.take(path, opening, { relativePath: path === entry.name ? undefined : path });
    return;
  }
  const reader = entry.createReader();
  for (let isEmpty = true; ; isEmpty = false) {
    // A directory is read in batches, until one is empty.
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) {
      if (isEmpty) found.emptyFolders.push(path);
      return;
    }
    for (const child of batch) await walkEntry(child, found);
  }
}

/** The files of an input, of folders or not. */
export function fromInput(input) {
  const found = new Found();
  for (const file of input.files) found.add(file, { relativePath: file.webkitRelativePath || undefined });
  // The same file chosen again is a change again.
  input.value = "";
  return found;
}

/** Pasted files. Screenshots are all called "image.png", so they are named after their time. */
export function fromPaste(clipboard) {
  const found = new Found();
  for (const file of clipboard.files) {
    const ending = suffix(file.name).toLowerCase();
    const time = moment(new Date()).replace(/[/\\:]/g, ".");
    const isScreenshot = /^image\.\w+$/.test(file.name);
    found.add(file, { pasted: true, ...(isScreenshot && { filename: `${say("pasted", { time })}.${ending}` }) });
  }
  return found;
}

/** Let files be picked so that they can be read again after a reload; undefined where the browser cannot, or nobody chose. */
export async function fromPicker() {
  const handles = await globalThis.showOpenFilePicker({ multiple: true }).catch(() => []);
  const found = new Found();
  for (const handle of handles) await found.take(handle.name, handle.getFile(), { handle });
  return found;
}

export const canPick = "showOpenFilePicker" in globalThis;
