import {
  type ChangeEvent,
  type ClipboardEvent,
  type DragEvent,
  type HTMLAttributes,
  type InputHTMLAttributes,
  type SyntheticEvent,
  useRef,
  useState,
} from "react";
import { provided, useSharedList } from "./context.js";
import { filesOf, isAccepted } from "./files.js";

export interface DropzoneOptions {
  /** Takes the files. Default: `upload` of the {@link ResumableUploadProvider} above. */
  onFiles?: (files: File[]) => void;
  /** As of `<input accept>`; for drops and pastes too. */
  accept?: string | undefined;
  /** More than one file at a time. Default: true. */
  multiple?: boolean | undefined;
  disabled?: boolean | undefined;
  /** What was chosen, dropped or pasted, and is not of `accept`, or is more than one file where only one is wanted. */
  onReject?: (files: File[]) => void;
}

export interface Dropzone {
  /** Files are being dragged over the drop zone. */
  readonly isDragging: boolean;
  /** For the element that takes drops and pastes; it gets `data-dragging` while files are over it. */
  getDropzoneProps<P extends HTMLAttributes<HTMLElement>>(props?: P): P & HTMLAttributes<HTMLElement>;
  /** For an `<input>`, which makes it a file input. */
  getInputProps<P extends InputHTMLAttributes<HTMLInputElement>>(props?: P): P & InputHTMLAttributes<HTMLInputElement>;
}

/** Files that are chosen, dropped (folders too), or pasted. */
export function useDropzone(options: DropzoneOptions = {}): Dropzone {
  const { accept, multiple = true, disabled = false, onFiles, onReject } = options;
  const shared = useSharedList();
  const take = onFiles ?? provided(shared).actions.upload;
  const [hasEntered, setEntered] = useState(false);
  const isDragging = hasEntered && !disabled;
  // The drag enters a child before it leaves its parent, so a count of both would do, were no child removed meanwhile.
  const entered = useRef(new Set<EventTarget>());

  const end = () => {
    entered.current.clear();
    setEntered(false);
  };

  const give = (files: readonly File[]) => {
    const accepted = files.filter((file) => isAccepted(file, accept));
    const wanted = new Set(multiple ? accepted : accepted.slice(0, 1));
    const rejected = files.filter((file) => !wanted.has(file));
    if (wanted.size > 0) take([...wanted]);
    if (rejected.length > 0) onReject?.(rejected);
  };

  const onDragEnter = (event: DragEvent<HTMLElement>) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    entered.current.add(event.target);
    setEntered(true);
  };

  const onDragOver = (event: DragEvent<HTMLElement>) => {
    if (!hasFiles(event)) return;
    // Without this browsers leave the page for the file, also where it is dropped by mistake.
    event.preventDefault();
    event.dataTransfer.dropEffect = disabled ? "none" : "copy";
  };

  const onDragLeave = (event: DragEvent<HTMLElement>) => {
    const zone = event.currentTarget;
    entered.current.delete(event.target);
    for (const target of entered.current) if (!zone.contains(target as Node)) entered.current.delete(target);
    if (entered.current.size === 0) setEntered(false);
  };

  const onDrop = (event: DragEvent<HTMLElement>) => {
    end();
    // A zone within this one has taken it.
    if (!hasFiles(event) || event.isDefaultPrevented()) return;
    event.preventDefault();
    if (!disabled) void filesOf(event.dataTransfer).then(give);
  };

  const onPaste = (event: ClipboardEvent<HTMLElement>) => {
    const { clipboardData: pasted } = event;
    if (disabled || event.isDefaultPrevented() || pasted.files.length === 0) return;
    // Office programs put a picture beside what they copy as text.
    if (isEditable(event.target) && pasted.types.includes("text/plain")) return;
    event.preventDefault();
    void filesOf(pasted).then(give);
  };

  const onChange = (event: ChangeEvent<HTMLInputElement>) => {
    give([...(event.target.files ?? [])]);
    // The same file chosen again is a change again.
    event.target.value = "";
  };

  return {
    isDragging,
    getDropzoneProps: (props) => ({
      ...(props as NonNullable<typeof props>),
      "data-dragging": isDragging ? "" : undefined,
      onDragEnter: both(props?.onDragEnter, onDragEnter),
      onDragOver: both(props?.onDragOver, onDragOver),
      onDragLeave: both(props?.onDragLeave, onDragLeave),
      onDrop: both(props?.onDrop, onDrop),
      onPaste: both(props?.onPaste, onPaste),
    }),
    getInputProps: (props) => ({
      accept,
      multiple,
      disabled,
      ...(props as NonNullable<typeof props>),
      type: "file",
      onChange: both(props?.onChange, onChange),
    }),
  };
}

function hasFiles(event: DragEvent): boolean {
  return event.dataTransfer.types.includes("Files");
}

function isEditable(target: EventTarget): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || target.matches("textarea, input:not([type=file])"))
  );
}

/** The component's own handler before ours. */
function both<E extends SyntheticEvent>(theirs: ((event: E) => void) | undefined, ours: (event: E) => void) {
  return (event: E) => {
    theirs?.(event);
    ours(event);
  };
}
