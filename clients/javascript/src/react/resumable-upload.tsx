import type { ChangeEvent, ReactNode } from "react";
import type { UploadState } from "../options.js";
import type { ListOptions } from "./options.js";
import type { UploadItem } from "./upload-item.js";
import { useResumableUpload } from "./use-resumable-upload.js";

export interface ResumableUploadProps extends ListOptions {
  /** What the file input is called. Default: "Choose files". */
  label?: ReactNode;
  /** More than one file. Default: true. */
  multiple?: boolean;
  /** As of `<input accept>`. */
  accept?: string;
  disabled?: boolean;
  className?: string;
  /** Draws the list instead of the one built in. */
  children?: (uploads: readonly UploadItem[]) => ReactNode;
}

const WORDS: Record<UploadState, string> = {
  queued: "Waiting for its turn",
  starting: "Starting",
  uploading: "Uploading",
  waiting: "Waiting for the connection",
  paused: "Paused",
  verifying: "Verifying",
  completed: "Done",
  failed: "Failed",
  aborted: "Cancelled",
};

/** A file input and a list of its uploads, without any style: elements carry `data-status` for yours. */
export function ResumableUpload({
  label = "Choose files",
  multiple = true,
  accept,
  disabled,
  className,
  children,
  ...options
}: ResumableUploadProps) {
  const { uploads, upload } = useResumableUpload(options);

  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    upload(event.target.files ?? []);
    // The same file chosen again is a change again.
    event.target.value = "";
  };

  return (
    <div className={className}>
      <label>
        {label} <input type="file" multiple={multiple} accept={accept} disabled={disabled} onChange={choose} />
      </label>
      {children ? (
        children(uploads)
      ) : (
        <ul>
          {uploads.map((item) => (
            <Item key={item.id} item={item} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Item({ item }: { item: UploadItem }) {
  const { file, status, progress, error, result } = item;
  const ended = status === "completed" || status === "failed" || status === "aborted";
  return (
    <li data-status={status}>
      {result?.url ? <a href={result.url}>{file.name}</a> : <span>{file.name}</span>}{" "}
      <progress value={progress} max={100} aria-label={`Progress of ${file.name}`} />{" "}
      <span role="status">{error && status !== "aborted" ? error.message : WORDS[status]}</span>{" "}
      {!ended && status !== "paused" && <Button onClick={item.pause} verb="Pause" name={file.name} />}
      {status === "paused" && <Button onClick={item.resume} verb="Resume" name={file.name} />}
      {!ended && <Button onClick={item.cancel} verb="Cancel" name={file.name} />}
      {item.canRetry && <Button onClick={item.retry} verb="Retry" name={file.name} />}
      {ended && <Button onClick={item.remove} verb="Remove" name={file.name} />}
    </li>
  );
}

function Button({ onClick, verb, name }: { onClick: () => void; verb: string; name: string }) {
  return (
    <button type="button" onClick={onClick} aria-label={`${verb} ${name}`}>
      {verb}
    </button>
  );
}
