import { useEffect, useRef } from "react";
import type { UploadState } from "../options.js";
import { hasEnded, type UploadItem } from "./upload-item.js";

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

/** One upload of the built-in list. */
export function UploadRow({ item, onRemove }: { item: UploadItem; onRemove: (row: HTMLElement) => void }) {
  const { file, status, progress, error, result } = item;
  const row = useKeptFocus();
  const ended = hasEnded(item);
  const remove = () => {
    if (row.ref.current) onRemove(row.ref.current);
    item.remove();
  };
  return (
    <li {...row} data-status={status}>
      {result?.url ? <a href={result.url}>{file.name}</a> : <span>{file.name}</span>}{" "}
      <progress value={progress} max={100} aria-label={`Progress of ${file.name}`} />{" "}
      <span role="status">{error && status !== "aborted" ? error.message : WORDS[status]}</span>{" "}
      <GoButton item={item} /> {/* One button that is called otherwise later keeps the focus. */}
      <Button onClick={ended ? remove : item.cancel} verb={ended ? "Remove" : "Cancel"} name={file.name} />
    </li>
  );
}

function GoButton({ item }: { item: UploadItem }) {
  const { name } = item.file;
  if (item.canRetry) return <Button onClick={item.retry} verb="Retry" name={name} />;
  if (hasEnded(item)) return null;
  if (item.status === "paused") return <Button onClick={item.resume} verb="Resume" name={name} />;
  return <Button onClick={item.pause} verb="Pause" name={name} />;
}

function Button({ onClick, verb, name }: { onClick: () => void; verb: string; name: string }) {
  return (
    <button type="button" onClick={onClick} aria-label={`${verb} ${name}`}>
      {verb}
    </button>
  );
}

/** For a row that keeps the focus when the button that has it goes away, as Pause does at the end. */
function useKeptFocus() {
  const ref = useRef<HTMLLIElement>(null);
  const focused = useRef(false);
  useEffect(() => {
    const row = ref.current;
    if (focused.current && !row?.contains(document.activeElement)) row?.querySelector("button")?.focus();
  });
  const note = (isFocused: boolean) => () => {
    focused.current = isFocused;
  };
  // React tells no blur of what it takes away itself.
  return { ref, onFocus: note(true), onBlur: note(false) };
}
