import type { UploadEvents, UploaderOptions, UploadOptions } from "../options.js";
import { supply } from "../supplied.js";
import type { UploadItem } from "./upload-item.js";

type Details<Name extends keyof UploadEvents> = Parameters<NonNullable<UploadEvents[Name]>>;

/** Those of {@link UploadEvents}, each told also which file it is about. `onError` is not told of what was stopped. */
export type ItemEvents = {
  [Name in keyof UploadEvents]?: (...details: [...Details<Name>, item: UploadItem]) => void;
};

/** Options of the files that are given together. */
export interface ItemOptions extends Omit<UploadOptions, keyof UploadEvents>, ItemEvents {}

/** Options of a list of uploads; those of {@link ItemOptions} are defaults for its files. */
export interface ListOptions extends Omit<UploaderOptions, keyof UploadEvents>, ItemEvents {}

/** Tells an event to whoever listens. */
export type Tell = <Name extends keyof UploadEvents>(name: Name, ...details: Details<Name>) => void;

// The compiler keeps this complete.
const OF_EACH_FILE: Record<keyof UploadOptions & keyof UploaderOptions, true> = {
  metadata: true,
  chunkSize: true,
  fileHash: true,
  purpose: true,
  fingerprint: true,
  mimeType: true,
  signal: true,
  resume: true,
  onSession: true,
  onProgress: true,
  onSpeed: true,
  onChunk: true,
  onStateChange: true,
  onRestart: true,
  onComplete: true,
  onError: true,
};

/**
 * The options of the uploader itself. Its functions, the token and the headers are asked of the latest options whenever
 * they are needed; the others are what they are now.
 */
export function uploaderOptions(latest: () => ListOptions): UploaderOptions {
  const now = latest();
  const own = Object.entries(now).filter(([name]) => !(name in OF_EACH_FILE));
  return {
    ...(Object.fromEntries(own) as Omit<ListOptions, keyof typeof OF_EACH_FILE>),
    authToken: () => supply(latest().authToken) ?? "",
    headers: (error) => supply(latest().headers, error) ?? {},
    onBeforeRequest: (request) => latest().onBeforeRequest?.(request),
    onAfterResponse: (request, response) => latest().onAfterResponse?.(request, response),
    shouldRetry: (error, attempt) => latest().shouldRetry?.(error, attempt) ?? true,
    // Uploads wait for a login only where somebody can be asked for one.
    ...(now.onLoginRequired && {
      onLoginRequired: async (error) => {
        const { onLoginRequired } = latest();
        if (!onLoginRequired) throw error;
        await onLoginRequired(error);
      },
    }),
  };
}

/** Tells an event to all that listen; what one throws is reported, and the others are told all the same. */
export function tellAll<Name extends keyof UploadEvents>(
  listeners: readonly ItemEvents[],
  item: UploadItem,
  name: Name,
  details: Details<Name>,
): void {
  for (const { [name]: listener } of listeners) {
    try {
      (listener as ((...all: unknown[]) => void) | undefined)?.(...details, item);
    } catch (error) {
      (globalThis.reportError ?? console.error)(error);
    }
  }
}

/** What an item becomes by the events of its upload, and who hears of them. */
export function eventsOf(change: (change: Partial<UploadItem>) => void, tell: Tell): Required<UploadEvents> {
  const still = { speed: 0, remainingTime: undefined };
  return {
    onSession: (uploadId) => {
      change({ uploadId });
      tell("onSession", uploadId);
    },
    onProgress: (progress, bytes) => {
      change({ progress, sentBytes: bytes.sentBytes });
      tell("onProgress", progress, bytes);
    },
    onSpeed: (speed) => {
      change({ speed: speed.bytesPerSecond, remainingTime: speed.remainingSeconds });
      tell("onSpeed", speed);
    },
    onChunk: (event) => tell("onChunk", event),
    onStateChange: (status, details) => {
      change({ status, error: details.error });
      tell("onStateChange", status, details);
    },
    onRestart: (reason) => tell("onRestart", reason),
    onComplete: (result) => {
      change({ result, ...still });
      tell("onComplete", result);
    },
    onError: (error) => {
      change({ error, ...still });
      if (error.code !== "aborted") tell("onError", error);
    },
  };
}
