// The files of a drop, folders included: browsers hand those out as entries to be walked.

/** All files of a drop, those in folders with their path as `relativePath`. */
export async function droppedFiles(transfer) {
  // Entries must be taken before the first await; afterwards the drop is gone.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    const relativePath = entry.fullPath.replace(/^\//, "");
    // As a folder input has it; it tells apart files of different folders that are alike in all else.
    if (relativePath !== file.name) Object.defineProperty(file, "webkitRelativePath", { value: relativePath });
    found.push({ file, relativePath });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // A directory is read in batches, until one is empty.
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return;
    for (const child of batch) await walk(child, found);
  }
}
