/* What was begun before the page was loaded, and is offered again. */
import type { SessionDocument } from "../api.js";
import type { UploadError } from "../errors.js";
import { keptHandles } from "../handles.js";
import type { KnownUpload } from "./item.js";
import type { FieldMemory, Remembered } from "./memory.js";
import { hold } from "./tab-hold.js";
import type { Sender } from "./uploaders.js";

const ASK_AGAIN_MILLISECONDS = 1000;

export interface Offer extends KnownUpload {
  reopens: boolean;
}

/**
 * What of the remembered the server still has and no other page holds, the newest first. Those that it has not, or that
 * were saved since, are forgotten.
 *
 * @param wanted how many
 */
export async function offersOf(memory: FieldMemory, sender: Sender, wanted: number): Promise<Offer[]> {
  const remembered = memory.list();
  if (remembered.length === 0) return [];
  const reopened = await keptHandles().catch(() => new Set<string>());
  const offers: Offer[] = [];
  for (const each of remembered) {
    if (offers.length === wanted) break;
    const release = await hold(each.uploadId);
    if (!release) continue;
    const offer = await offerOf(each, sender);
    if (offer) offers.push({ ...offer, release, reopens: reopened.has(each.uploadId) });
    else {
      release();
      memory.remove(each.uploadId);
    }
  }
  return offers;
}

/** The reference that an upload has now; null if it has none any more, undefined if the server cannot be asked. */
export async function referenceNow(uploadId: string, sender: Sender): Promise<string | null | undefined> {
  const session = await statusOf(uploadId, sender);
  return session === undefined ? undefined : (session?.file?.reference ?? null);
}

async function offerOf(remembered: Remembered, sender: Sender): Promise<KnownUpload | undefined> {
  const { uploadId, filename: name, size, reference, sha256 } = remembered;
  const session = await settled(uploadId, sender);
  // Nobody could be asked: the file can be chosen all the same, or the form sent.
  if (session === undefined) return { uploadId, name, size, reference, sha256 };
  if (session?.status === "active") {
    return { uploadId, name, size, percentage: session.progress.percentage };
  }
  const file = session?.file;
  return file?.reference
    ? { uploadId, name, size, reference: file.reference, sha256: file.sha256 ?? undefined, percentage: 100 }
    : undefined;
}

/** The session, once it is not being assembled; null if there is none, undefined if the server cannot be asked. */
async function settled(uploadId: string, sender: Sender): Promise<SessionDocument | null | undefined> {
  for (;;) {
    const session = await statusOf(uploadId, sender);
    if (session?.status !== "assembling") return session;
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MILLISECONDS));
  }
}

async function statusOf(uploadId: string, { api }: Sender): Promise<SessionDocument | null | undefined> {
  try {
    return await api.status(uploadId, new AbortController().signal);
  } catch (error) {
    const { status } = error as UploadError;
    return status === 404 || status === 410 ? null : undefined;
  }
}
