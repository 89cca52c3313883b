/*
 * The files of unfinished uploads, to be read again after a reload without being chosen again (File System Access). Handles
 * live in IndexedDB, for nothing else can hold them. See `on-demand.ts`.
 */
const DATABASE = "resumable-uploads";
const STORE = "handles";
// The server forgets sessions after a week at the latest.
const KEPT_MILLISECONDS = 8 * 24 * 3600 * 1000;
const PERMISSION_MILLISECONDS = 10_000;

// Not in TypeScript's library: only some browsers have it.
interface Askable extends FileSystemFileHandle {
  queryPermission?: (descriptor: { mode: "read" }) => Promise<PermissionState>;
  requestPermission?: (descriptor: { mode: "read" }) => Promise<PermissionState>;
}

interface Kept {
  uploadId: string;
  handle: FileSystemFileHandle;
  keptAt: number;
}

export async function keepHandle(uploadId: string, handle: FileSystemFileHandle): Promise<void> {
  const kept: Kept = { uploadId, handle, keptAt: Date.now() };
  await inStore("readwrite", (store) => store.put(kept));
}

export async function dropHandle(uploadId: string): Promise<void> {
  await inStore("readwrite", (store) => store.delete(uploadId));
}

/** The ids of the uploads whose files are kept. */
export async function keptHandles(): Promise<Set<string>> {
  const oldest = Date.now() - KEPT_MILLISECONDS;
  const all = await inStore<Kept[]>("readonly", (store) => store.getAll());
  for (const { uploadId, keptAt } of all) if (keptAt < oldest) await dropHandle(uploadId);
  return new Set(all.filter(({ keptAt }) => keptAt >= oldest).map(({ uploadId }) => uploadId));
}

/**
 * The file of an upload. The browser may ask for permission, which needs a click that is not long ago.
 *
 * @returns undefined if none is kept, it is gone, or nobody grants it within ten seconds
 */
export async function reopen(uploadId: string): Promise<{ file: File; handle: FileSystemFileHandle } | undefined> {
  const kept = await inStore<Kept | undefined>("readonly", (store) => store.get(uploadId)).catch(() => undefined);
  if (!kept || !(await inTime(isGranted(kept.handle)))) return undefined;
  const file = await kept.handle.getFile().catch(() => undefined);
  return file && { file, handle: kept.handle };
}

async function isGranted(handle: Askable): Promise<boolean> {
  const descriptor = { mode: "read" } as const;
  if ((await handle.queryPermission?.(descriptor)) === "granted") return true;
  return (await handle.requestPermission?.(descriptor)) === "granted";
}

/** False after a while: a question that is overlooked holds nothing up. */
function inTime(granted: Promise<boolean>): Promise<boolean> {
  const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), PERMISSION_MILLISECONDS));
  return Promise.race([granted.catch(() => false), late]);
}

async function inStore<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest): Promise<T> {
  const opening = indexedDB.open(DATABASE);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "uploadId" });
  const database = await answered<IDBDatabase>(opening);
  try {
    return await answered<T>(ask(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

function answered<T>(request: IDBRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
