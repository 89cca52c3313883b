/** Waits for somebody to log in again, most likely in another tab: coming back from there is a reason to try. */
export class LoginWait {
  #waiting: Promise<void> | undefined;
  #end: () => void = () => {};

  wait(): Promise<void> {
    this.#waiting ??= new Promise<void>((resolve) => {
      const onVisible = () => {
        if (document.visibilityState === "visible") this.#end();
      };
      this.#end = () => {
        removeEventListener("focus", this.#end);
        document.removeEventListener("visibilitychange", onVisible);
        this.#waiting = undefined;
        resolve();
      };
      addEventListener("focus", this.#end);
      document.addEventListener("visibilitychange", onVisible);
    });
    return this.#waiting;
  }

  /** Try now. */
  retry(): void {
    this.#end();
  }
}
