/** Whether `<input accept>` lets a file be chosen; browsers themselves do not hold drops to it. */
export function isAccepted({ name, type }: File, accept: string | undefined): boolean {
  const kinds = (accept ?? "")
    .toLowerCase()
    .split(",")
    .map((kind) => kind.trim())
    .filter(Boolean);
  if (kinds.length === 0) return true;
  return kinds.some((kind) => {
    if (kind.startsWith(".")) return name.toLowerCase().endsWith(kind);
    if (kind.endsWith("/*")) return kind === "*/*" || type.toLowerCase().startsWith(kind.slice(0, -1));
    return type.toLowerCase() === kind;
  });
}

/**
 * The files of a drop or a paste, those in folders with their path as `webkitRelativePath`, as a folder input gives it.
 * What cannot be read is reported to the console, and the rest is found all the same.
 */
export async function filesOf(transfer: Pick<DataTransfer, "items">): Promise<File[]> {
  // All must be taken before the first await; afterwards the drop is gone.
  const taken = [...transfer.items]
    .filter(({ kind }) => kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const found: File[] = [];
  for (const { entry, file } of taken) {
    if (entry?.isDirectory) await walk(entry, found);
    else if (file) found.push(file);
  }
  return found;
}

async function walk(entry: FileSystemEntry, found: File[]): Promise<void> {
  try {
    if (entry.isDirectory) {
      for await (const child of childrenOf(entry as FileSystemDirectoryEntry)) await walk(child, found);
      return;
    }
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    // It tells apart files of different folders that are alike in all else.
    Object.defineProperty(file, "webkitRelativePath", { value: entry.fullPath.replace(/^\//, "") });
    found.push(file);
  } catch (error) {
    (globalThis.reportError ?? console.error)(error);
  }
}

async function* childrenOf(directory: FileSystemDirectoryEntry): AsyncGenerator<FileSystemEntry> {
  const reader = directory.createReader();
  for (;;) {
    // A directory is read in batches, until one is empty.
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return;
    yield* batch;
  }
}
