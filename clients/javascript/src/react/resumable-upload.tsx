import { type ReactNode, useRef, useState } from "react";
import type { ItemOptions, ListOptions } from "./options.js";
import type { UploadItem } from "./upload-item.js";
import { UploadRow } from "./upload-row.js";
import { useDropzone } from "./use-dropzone.js";
import { useResumableUpload } from "./use-resumable-upload.js";

interface Looks {
  /** What the file input is called. Default: "Choose files". */
  label?: ReactNode;
  /** More than one file. Default: true. */
  multiple?: boolean;
  /** As of `<input accept>`; for drops and pastes too. */
  accept?: string;
  disabled?: boolean;
  className?: string;
  /** Draws the list instead of the one built in. */
  children?: (uploads: readonly UploadItem[]) => ReactNode;
}

/**
 * With `apiUrl`, uploads of its own by these options. Without, those of the `<ResumableUploadProvider>` above; options
 * are then those of the files that are given to this component.
 */
export type ResumableUploadProps = Looks & (ListOptions | (ItemOptions & { apiUrl?: undefined }));

/**
 * A file input, which takes drops and pastes too, and a list of its uploads, without any style: elements carry
 * `data-status`, and the whole `data-dragging`, for yours.
 */
export function ResumableUpload({
  label = "Choose files",
  multiple,
  accept,
  disabled,
  className,
  children,
  ...options
}: ResumableUploadProps) {
  const own = options.apiUrl === undefined ? undefined : options;
  const { uploads, upload } = useResumableUpload(own);
  const [rejected, setRejected] = useState<readonly File[]>([]);
  const input = useRef<HTMLInputElement>(null);
  const { getDropzoneProps, getInputProps } = useDropzone({
    accept,
    multiple,
    disabled,
    onFiles: (files) => {
      setRejected([]);
      upload(files, own ? {} : (options as ItemOptions));
    },
    onReject: setRejected,
  });

  return (
    <div {...getDropzoneProps({ className })}>
      <label>
        {label} <input {...getInputProps()} ref={input} />
      </label>
      {rejected.length > 0 && <p role="alert">Not accepted: {rejected.map(({ name }) => name).join(", ")}</p>}
      {children ? (
        children(uploads)
      ) : (
        <ul>
          {uploads.map((item) => (
            <UploadRow key={item.id} item={item} onRemove={(row) => (neighbourOf(row) ?? input.current)?.focus()} />
          ))}
        </ul>
      )}
    </div>
  );
}

/** Who gets the focus of a row that goes away: whoever comes next, or else before. */
function neighbourOf(row: HTMLElement): HTMLElement | null | undefined {
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  return neighbour?.querySelector<HTMLElement>("button:last-of-type");
}
