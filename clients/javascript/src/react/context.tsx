import { createContext, type ReactNode, useContext } from "react";
import type { ListOptions } from "./options.js";
import type { UploadList } from "./upload-list.js";
import { useOwnList } from "./use-own-list.js";

const SharedList = createContext<UploadList | undefined>(undefined);

export interface ResumableUploadProviderProps extends ListOptions {
  children?: ReactNode;
}

/**
 * Owns the uploads of everything below it, so that they go on while components come and go. They stop when it unmounts
 * itself, and resume when the same files are chosen again.
 */
export function ResumableUploadProvider({ children, ...options }: ResumableUploadProviderProps) {
  return <SharedList.Provider value={useOwnList(options)}>{children}</SharedList.Provider>;
}

/** The list of the nearest provider, if there is one. */
export function useSharedList(): UploadList | undefined {
  return useContext(SharedList);
}

/** The list of the nearest provider. */
export function useProvidedList(): UploadList {
  return provided(useSharedList());
}

/** @throws {Error} if there is none, in words for the developer */
export function provided(list: UploadList | undefined): UploadList {
  if (!list) throw new Error("There is no <ResumableUploadProvider> above this component.");
  return list;
}
