/** What is remembered of an unfinished upload, so that it can resume after a reload. */
export interface RememberedUpload {
  uploadId: string;
  fingerprint: string;
  filename: string;
  size: number;
  /** Milliseconds since the epoch. */
  startedAt: number;
}

/** Where unfinished uploads are remembered. Implement it to remember them elsewhere. */
export interface UploadStorage {
  list(): Promise<RememberedUpload[]>;
  put(upload: RememberedUpload): Promise<void>;
  remove(uploadId: string): Promise<void>;
}

/** The uploads of one file, the newest first. */
export async function findRemembered(storage: UploadStorage, fingerprint: string): Promise<RememberedUpload[]> {
  const all = await storage.list();
  return all.filter((upload) => upload.fingerprint === fingerprint).sort((a, b) => b.startedAt - a.startedAt);
}

/** Remembers for the life of the page. */
export class MemoryStorage implements UploadStorage {
  readonly #uploads = new Map<string, RememberedUpload>();

  async list(): Promise<RememberedUpload[]> {
    return [...this.#uploads.values()];
  }

  async put(upload: RememberedUpload): Promise<void> {
    this.#uploads.set(upload.uploadId, upload);
  }

  async remove(uploadId: string): Promise<void> {
    this.#uploads.delete(uploadId);
  }
}

const STORE = "uploads";
// The server forgets sessions after a week at the latest.
const KEPT_MILLISECONDS = 8 * 24 * 3600 * 1000;

/** Remembers in IndexedDB, shared by all tabs of the origin; where the browser denies it, for the life of the page. */
export class IndexedDbStorage implements UploadStorage {
  readonly #name: string;
  readonly #memory = new MemoryStorage();
  #database: Promise<IDBDatabase> | undefined;

  constructor(name = "resumable-uploads") {
    this.#name = name;
  }

  async list(): Promise<RememberedUpload[]> {
    const stored = await this.#request<RememberedUpload[]>("readonly", (store) => store.getAll());
    const oldest = Date.now() - KEPT_MILLISECONDS;
    for (const upload of stored ?? []) if (upload.startedAt < oldest) await this.remove(upload.uploadId);
    return [...(stored ?? []).filter((upload) => upload.startedAt >= oldest), ...(await this.#memory.list())];
  }

  async put(upload: RememberedUpload): Promise<void> {
    const done = await this.#request("readwrite", (store) => store.put(upload));
    if (done === undefined) await this.#memory.put(upload);
  }

  async remove(uploadId: string): Promise<void> {
    await this.#request("readwrite", (store) => store.delete(uploadId));
    await this.#memory.remove(uploadId);
  }

  async #request<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest): Promise<T | undefined> {
    try {
      this.#database ??= this.#open();
      const database = await this.#database;
      const request = ask(database.transaction(STORE, mode).objectStore(STORE));
      return await settled<T>(request);
    } catch {
      // Private windows and full disks: an upload that cannot be remembered is still an upload.
      this.#database = undefined;
      return undefined;
    }
  }

  #open(): Promise<IDBDatabase> {
    const request = indexedDB.open(this.#name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "uploadId" });
    return settled(request);
  }
}

function settled<T>(request: IDBRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
