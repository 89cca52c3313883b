/* To see what is on the server, and to be rid of it. See `on-demand.ts`. */
import type { SessionDocument } from "./api.js";
import type { UploadError } from "./errors.js";
import { fingerprintOf } from "./fingerprint.js";
import { dropHandle, keptHandles } from "./handles.js";
import type { PreviousUpload, UploadOptions } from "./options.js";
import type { RememberedUpload } from "./storage.js";
import { exclusively } from "./tabs.js";
import type { Shared } from "./upload.js";

/** What a list of sessions is narrowed to. */
export interface ListFilters {
  status?: SessionDocument["status"];
  /** SHA-256 in hex, declared or verified. */
  file_hash?: string;
  /** A part of the name, in any case. */
  search?: string;
}

export interface ListQuery extends ListFilters {
  /** At most 200. Default: 50. */
  page_size?: number;
  /** Of the page before. */
  cursor?: string;
}

export interface ListedPage {
  sessions: SessionDocument[];
  /** Of the next page, if there is one. */
  cursor: string | undefined;
}

export async function listPage({ api }: Shared, query: ListQuery): Promise<ListedPage> {
  const { signal } = new AbortController();
  const asked = new URLSearchParams(query as Record<string, string>);
  const { results, next } = await api.json<{ results: SessionDocument[]; next: string | null }>("GET", `?${asked}`, {
    signal,
  });
  return { sessions: results, cursor: (next && new URL(next).searchParams.get("cursor")) || undefined };
}

/** My unfinished uploads, of what the server has and what this browser remembers. */
export async function unfinished(shared: Shared): Promise<PreviousUpload[]> {
  const { sessions } = await listPage(shared, { status: "active", page_size: 200 });
  const remembered = await shared.settings.storage.list();
  const kept = await keptHandles().catch(() => new Set<string>());
  return sessions.filter((session) => session.total_size !== null).map((session) => summary(session, remembered, kept));
}

/** Those of them that a file may resume, those of this browser first. */
export async function previousOf(shared: Shared, file: File, options: UploadOptions): Promise<PreviousUpload[]> {
  const fingerprint = fingerprintOf(file, shared.api.url, options);
  const all = await shared.settings.storage.list();
  const its = new Set(all.filter((upload) => upload.fingerprint === fingerprint).map(({ uploadId }) => uploadId));
  return (await unfinished(shared))
    .map((upload) => ({ ...upload, here: its.has(upload.uploadId) }))
    .filter((upload) => upload.size === file.size && (upload.here || upload.filename === file.name))
    .sort((a, b) => Number(b.here) - Number(a.here));
}

/**
 * Tell the server to forget a session. Whoever opens the same file meanwhile waits, in this tab and the others: they would be
 * given this session, which is about to end under them.
 *
 * @param ending it may have been completed from here, in this very moment; what others completed stays
 */
export function cancelUpload(
  { api, settings, attempts: begin }: Shared,
  fingerprint: string,
  uploadId: string,
  ending: boolean,
): Promise<void> {
  const attempts = begin();
  return exclusively(fingerprint, attempts.signal, async () => {
    await settings.storage.remove(uploadId);
    await dropHandle(uploadId).catch(() => {});
    await attempts.run(async (signal) => {
      try {
        await api.cancel(uploadId, signal);
      } catch (error) {
        const { status, code } = error as UploadError;
        if (status === 404 || status === 410) return; // It is over already.
        if (code !== "not_active") throw error;
        if (ending) await api.call("DELETE", uploadId, { signal, keepalive: true });
      }
    });
  });
}

/** Delete an upload in whatever state, again after what may pass. */
export async function deleteUpload(
  { api, settings, attempts: begin }: Shared,
  uploadId: string,
  signal?: AbortSignal,
): Promise<void> {
  const attempts = begin();
  if (signal?.aborted) attempts.abort();
  signal?.addEventListener("abort", () => attempts.abort());
  await attempts.run((life) => api.call("DELETE", uploadId, { signal: life, keepalive: true }));
  await settings.storage.remove(uploadId);
}

function summary(session: SessionDocument, remembered: RememberedUpload[], kept: ReadonlySet<string>): PreviousUpload {
  return {
    uploadId: session.upload_id,
    filename: session.filename,
    size: session.total_size ?? 0,
    startedAt: new Date(session.created_at),
    expiresAt: new Date(session.expires_at),
    percentage: session.progress.percentage,
    metadata: session.metadata,
    here: remembered.some((upload) => upload.uploadId === session.upload_id),
    reopens: kept.has(session.upload_id),
  };
}
