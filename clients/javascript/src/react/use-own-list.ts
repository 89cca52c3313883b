import { useEffect, useInsertionEffect, useRef, useState } from "react";
import { ResumableUploader } from "../index.js";
import { type ListOptions, uploaderOptions } from "./options.js";
import { UploadList } from "./upload-list.js";

/** A list of uploads that go on as long as the component is mounted, by the options of its latest render. */
export function useOwnList(options: ListOptions): UploadList {
  const latest = useRef(options);
  // Before all other effects, which may begin uploads.
  useInsertionEffect(() => {
    latest.current = options;
  });
  const [list] = useState(
    () =>
      new UploadList(
        () => latest.current,
        (current) => new ResumableUploader(uploaderOptions(current)),
      ),
  );
  useEffect(() => list.hold(), [list]);
  return list;
}
