import { useSyncExternalStore } from "react";
import { provided, useProvidedList, useSharedList } from "./context.js";
import type { ListOptions } from "./options.js";
import type { UploadTotals } from "./totals.js";
import type { UploadItem } from "./upload-item.js";
import { NOTHING, type UploadActions, type UploadsState } from "./upload-list.js";
import { useOwnList } from "./use-own-list.js";
import { useSelection } from "./use-selection.js";

export interface ResumableUploads extends UploadActions {
  readonly uploads: readonly UploadItem[];
  readonly totals: UploadTotals;
}

const NO_OPTIONS: ListOptions = { apiUrl: "" };

/**
 * Uploads, and what can be done with them.
 *
 * @param options the component has uploads of its own, which stop when it unmounts, and resume when the same files are
 *   chosen again. Without options: those of the {@link ResumableUploadProvider} above, which go on.
 */
export function useResumableUpload(options?: ListOptions): ResumableUploads {
  const own = useOwnList(options ?? NO_OPTIONS);
  const shared = useSharedList();
  const list = options ? own : provided(shared);
  const state = useSyncExternalStore(list.subscribe, list.snapshot, () => NOTHING);
  return { ...state, ...list.actions };
}

/**
 * What `selector` makes of the uploads of the {@link ResumableUploadProvider} above. The component renders only when that
 * is another than before.
 *
 * @param isEqual default: `Object.is`
 */
export function useUploads<T>(
  selector: (state: UploadsState) => T,
  isEqual: (one: T, other: T) => boolean = Object.is,
): T {
  return useSelection(useProvidedList(), selector, isEqual);
}

/** What can be done with the uploads of the {@link ResumableUploadProvider} above. It never makes a component render. */
export function useUploadActions(): UploadActions {
  return useProvidedList().actions;
}
