/** A value, or a function that gives it when it is needed. */
export type Supplied<T> = T | (() => T | Promise<T>);

export function supply<T>(value: Supplied<T> | undefined): T | Promise<T> | undefined {
  return typeof value === "function" ? (value as () => T | Promise<T>)() : value;
}
