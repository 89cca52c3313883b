import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { NOTHING, type UploadList, type UploadsState } from "./upload-list.js";

/**
 * What a component selects of a list's state; it renders when that is another than before by `isEqual`. On servers, and
 * while their HTML is hydrated, a list is empty.
 */
export function useSelection<T>(
  list: UploadList,
  selector: (state: UploadsState) => T,
  isEqual: (one: T, other: T) => boolean,
): T {
  const rendered = useRef<{ value: T } | undefined>(undefined);
  const [select, selectOfNothing] = useMemo(() => {
    // React asks often, and wants the same answer until something changes.
    let last: { state: UploadsState; value: T } | undefined;
    const selected = (state: UploadsState): T => {
      if (last?.state === state) return last.value;
      const before = last ?? rendered.current;
      const value = selector(state);
      last = { state, value: before && isEqual(before.value, value) ? before.value : value };
      return last.value;
    };
    const ofNothing = { value: undefined as T, known: false };
    const selectedOfNothing = (): T => {
      if (!ofNothing.known) Object.assign(ofNothing, { value: selector(NOTHING), known: true });
      return ofNothing.value;
    };
    return [() => selected(list.snapshot()), selectedOfNothing];
  }, [list, selector, isEqual]);
  const value = useSyncExternalStore(list.subscribe, select, selectOfNothing);
  useEffect(() => {
    rendered.current = { value };
  });
  return value;
}
