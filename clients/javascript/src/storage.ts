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

const PREFIX = "resumable-uploads upload ";
// The server forgets sessions after a week at the latest.
const KEPT_MILLISECONDS = 8 * 24 * 3600 * 1000;

/** Remembers in localStorage, shared by all tabs of the origin; where the browser denies it, for the life of the page. */
export class BrowserStorage implements UploadStorage {
  readonly #memory = new MemoryStorage();

  async list(): Promise<RememberedUpload[]> {
    const oldest = Date.now() - KEPT_MILLISECONDS;
    const kept = stored();
    for (const upload of kept) if (upload.startedAt < oldest) await this.remove(upload.uploadId);
    return [...kept.filter((upload) => upload.startedAt >= oldest), ...(await this.#memory.list())];
  }

  async put(upload: RememberedUpload): Promise<void> {
    try {
      localStorage.setItem(PREFIX + upload.uploadId, JSON.stringify(upload));
    } catch {
      // Private windows and full disks: an upload that cannot be remembered is still an upload.
      await this.#memory.put(upload);
    }
  }

  async remove(uploadId: string): Promise<void> {
    await this.#memory.remove(uploadId);
    try {
      localStorage.removeItem(PREFIX + uploadId);
    } catch {
      // Denied: then there is nothing.
    }
  }
}

function stored(): RememberedUpload[] {
  try {
    const items = Object.entries(localStorage).filter(([key]) => key.startsWith(PREFIX));
    return items.map(([, text]) => JSON.parse(text));
  } catch {
    return []; // Denied, or spoilt: the server knows.
  }
}
