/** What a form does while something of it is being sent. */
export type WhenSending = "wait" | "save";

/**
 * - `open`: nothing is in the way of saving
 * - `waits`: the submit buttons are off until everything is sent
 * - `follows`: somebody has saved, and the form is submitted when everything is sent
 * - `failed`: that came to nothing, for an upload failed
 */
export type Saving = "open" | "waits" | "follows" | "failed";

/** An upload field, as its form's gate sees it. */
export interface Member {
  readonly sending: boolean;
  readonly failed: boolean;
  readonly whenSending: WhenSending;
  /** Shows it; answers with the id and the text of the line that says so. */
  showSaving(saving: Saving): { id: string; text: string };
  /** Point to what has failed. */
  sayFailed(): void;
  /** The form is being submitted. */
  submitted(): void;
}

interface Off {
  disabled: boolean;
  title: string | null;
  describedBy: string | null;
}

type Button = HTMLButtonElement | HTMLInputElement;

const BUTTONS = "button:not([type]), button[type=submit], input[type=submit], input[type=image]";
const gates = new WeakMap<HTMLFormElement, SubmitGate>();

/** Keeps a form from being submitted while any of its upload fields is sending. */
export class SubmitGate {
  readonly #form: HTMLFormElement;
  readonly #members = new Set<Member>();
  /** Buttons that are off, and what they were before. */
  readonly #off = new Map<Button, Off>();
  /** Somebody has saved: by this button, or by Enter. */
  #pending: { submitter: HTMLElement | null } | undefined;
  #failed = false;

  static of(form: HTMLFormElement): SubmitGate {
    const gate = gates.get(form) ?? new SubmitGate(form);
    gates.set(form, gate);
    return gate;
  }

  constructor(form: HTMLFormElement) {
    this.#form = form;
    // Before whoever sends the form in another way.
    form.addEventListener("submit", this.#onSubmit, { capture: true });
  }

  join(member: Member): void {
    this.#members.add(member);
    this.update();
  }

  leave(member: Member): void {
    this.#members.delete(member);
    this.update();
  }

  /** Something about a member has changed. */
  update(): void {
    const sending = this.#sending;
    if (sending.length > 0) this.#failed = false;
    if (this.#pending && [...this.#members].some((member) => member.failed)) {
      this.#pending = undefined;
      this.#failed = true;
    }
    const waits = sending.some(({ whenSending }) => whenSending === "wait");
    let line: { id: string; text: string } | undefined;
    for (const member of this.#members) {
      const own = member.sending || (sending.length === 0 && member.failed);
      const shown = member.showSaving(own ? this.#saving(waits, sending.length > 0) : "open");
      if (member.sending) line ??= shown;
    }
    if (waits && line) this.#turnOff(line);
    else this.#turnOn();
    if (sending.length === 0) this.#submitPending();
  }

  /** What was to be saved is not, for now. */
  takeBack(): void {
    this.#pending = undefined;
    this.update();
  }

  get #sending(): Member[] {
    return [...this.#members].filter((member) => member.sending);
  }

  #saving(waits: boolean, sending: boolean): Saving {
    if (waits) return "waits";
    if (this.#pending) return "follows";
    return this.#failed && !sending ? "failed" : "open";
  }

  readonly #onSubmit = (event: SubmitEvent) => {
    const sending = this.#sending;
    const failed = this.#form.noValidate ? [...this.#members].find((member) => member.failed) : undefined;
    if (sending.length === 0 && !failed) {
      this.#failed = false;
      for (const member of this.#members) member.submitted();
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    // Browsers say it where they validate; the admin's forms do not.
    if (sending.length === 0) return failed?.sayFailed();
    if (sending.some(({ whenSending }) => whenSending === "wait")) return;
    this.#pending = { submitter: event.submitter };
    this.update();
  };

  #submitPending(): void {
    const pending = this.#pending;
    if (!pending) return;
    this.#pending = undefined;
    const { submitter } = pending;
    // A button that is gone, as one that htmx has swapped, cannot submit; the form can.
    const usable = submitter?.isConnected && (submitter as Button).form === this.#form;
    this.#form.requestSubmit(usable ? submitter : undefined);
  }

  #turnOff({ id, text }: { id: string; text: string }): void {
    for (const button of this.#buttons()) {
      if (this.#off.has(button)) continue;
      this.#off.set(button, {
        disabled: button.disabled,
        title: button.getAttribute("title"),
        describedBy: button.getAttribute("aria-describedby"),
      });
      button.disabled = true;
      button.title = text;
      button.setAttribute("aria-describedby", id);
    }
  }

  #turnOn(): void {
    for (const [button, was] of this.#off) {
      button.disabled = was.disabled;
      restore(button, "title", was.title);
      restore(button, "aria-describedby", was.describedBy);
    }
    this.#off.clear();
  }

  /** Also those outside of the form that belong to it. */
  #buttons(): Button[] {
    const { id } = this.#form;
    const outside = id ? [...document.querySelectorAll<Button>(`[form="${CSS.escape(id)}"]`)] : [];
    const all = [...this.#form.querySelectorAll<Button>(BUTTONS), ...outside.filter((each) => each.matches(BUTTONS))];
    return all.filter((button) => button.form === this.#form);
  }
}

function restore(button: Button, attribute: string, value: string | null): void {
  if (value === null) button.removeAttribute(attribute);
  else button.setAttribute(attribute, value);
}
