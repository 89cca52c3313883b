/* Where files come from: the input, a drop, a picker. The latter two may bring handles, to read the files after a reload. */
import { pickerTypes } from "./accept.js";

export interface FileSource {
  file: File;
  handle?: FileSystemFileHandle;
}

// Not in TypeScript's library: only some browsers have them.
interface HandleItem extends DataTransferItem {
  getAsFileSystemHandle?: () => Promise<FileSystemHandle | null>;
}
type Picker = (options: object) => Promise<FileSystemFileHandle[]>;

/** The files of a drop; folders are left out. */
export async function fromDrop(transfer: DataTransfer): Promise<FileSource[]> {
  // Items must be asked before the first await; afterwards the drop is gone.
  const asked = [...transfer.items]
    .filter((item) => item.kind === "file" && !item.webkitGetAsEntry?.()?.isDirectory)
    .map((item: HandleItem) => ({
      file: item.getAsFile(),
      handle: item.getAsFileSystemHandle?.().catch(() => null) ?? Promise.resolve(null),
    }));
  const found: FileSource[] = [];
  for (const { file, handle } of asked) {
    const kept = await handle;
    if (file) found.push({ file, ...(kept instanceof FileSystemFileHandle && { handle: kept }) });
  }
  return found;
}

export const canPick = "showOpenFilePicker" in globalThis;

/**
 * Let files be picked so that they can be read again after a reload; none if nobody chose.
 *
 * @throws {DOMException} the browser does not allow it here
 */
export async function fromPicker(accept: string, multiple: boolean): Promise<FileSource[]> {
  const types = pickerTypes(accept);
  const picker = (globalThis as unknown as { showOpenFilePicker: Picker }).showOpenFilePicker;
  try {
    const handles = await picker({ multiple, ...(types && { types }) });
    return await Promise.all(handles.map(async (handle) => ({ file: await handle.getFile(), handle })));
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return [];
    throw error;
  }
}
