/** A value, or a function that gives it when it is needed. */
export type Supplied<T, A = void> = T | ((argument: A) => T | Promise<T>);

export function supply<T, A = void>(value: Supplied<T, A> | undefined, argument?: A): T | Promise<T> | undefined {
  return typeof value === "function" ? (value as (argument?: A) => T | Promise<T>)(argument) : value;
}
