import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { ResumableUploader } from "../index.js";
import type { UploaderOptions, UploadOptions } from "../options.js";
import { supply } from "../supplied.js";
import { type UploadItem, UploadList } from "./upload-list.js";

export interface ResumableUploads {
  uploads: readonly UploadItem[];
  /** Begin to upload files, each with these options besides the hook's. Stable: safe in dependency lists. */
  upload: (files: Iterable<File>, options?: UploadOptions) => void;
}

/**
 * Uploads of a component. They stop when it unmounts, and resume when the same file is chosen again.
 *
 * `authToken`, `headers`, `onComplete` and `onError` are those of the latest render; the other options are those of
 * the first.
 */
export function useResumableUpload(options: UploaderOptions): ResumableUploads {
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const [list] = useState(
    () =>
      new UploadList(
        new ResumableUploader({
          ...options,
          authToken: () => supply(latest.current.authToken) ?? "",
          headers: () => supply(latest.current.headers) ?? {},
        }),
        () => latest.current,
      ),
  );
  useEffect(() => () => list.close(), [list]);
  const uploads = useSyncExternalStore(list.subscribe, list.snapshot, list.snapshot);
  return { uploads, upload: list.add };
}
