import assert from "node:assert/strict";
import { test } from "node:test";
import { type Member, type Saving, SubmitGate, type WhenSending } from "../src/field/submit-gate.js";

class Attributes extends EventTarget {
  readonly attributes = new Map<string, string>();
  getAttribute = (name: string) => this.attributes.get(name) ?? null;
  setAttribute = (name: string, value: string) => void this.attributes.set(name, value);
  removeAttribute = (name: string) => void this.attributes.delete(name);
}

class Button extends Attributes {
  disabled = false;
  readonly isConnected = true;
  constructor(readonly form: Form) {
    super();
  }
  set title(title: string) {
    this.attributes.set("title", title);
  }
}

class Form extends EventTarget {
  readonly id = "";
  noValidate = false;
  readonly button = new Button(this);
  readonly submitted: unknown[] = [];

  /** After the gate, which browsers ask first for it captures. */
  send(): void {
    this.addEventListener("submit", (event) => this.submitted.push((event as SubmitEvent).submitter));
  }

  querySelectorAll = () => [this.button];

  requestSubmit(submitter: unknown = null): boolean {
    const event = Object.assign(new Event("submit", { cancelable: true }), { submitter });
    return this.dispatchEvent(event);
  }
}

class Field implements Member {
  sending = false;
  failed = false;
  shown: Saving = "open";
  told = 0;
  saidFailed = 0;
  constructor(readonly whenSending: WhenSending) {}
  showSaving(saving: Saving) {
    this.shown = saving;
    return { id: "line", text: saving };
  }
  sayFailed() {
    this.saidFailed++;
  }
  submitted() {
    this.told++;
  }
}

function gateOf(...modes: WhenSending[]) {
  const form = new Form();
  const gate = new SubmitGate(form as unknown as HTMLFormElement);
  form.send();
  const fields = modes.map((mode) => new Field(mode));
  for (const field of fields) gate.join(field);
  const become = (field: Field | undefined, state: Partial<Pick<Field, "sending" | "failed">>) => {
    Object.assign(field as Field, state);
    gate.update();
  };
  return { form, gate, fields, become };
}

test("a form whose fields have nothing to send is submitted", () => {
  const { form, fields } = gateOf("wait", "save");
  assert.equal(form.requestSubmit(), true);
  assert.deepEqual(
    fields.map(({ told }) => told),
    [1, 1],
  );
});

test("buttons wait until every field is done, and are then what they were", () => {
  const { form, fields, become } = gateOf("wait", "wait");
  const { button } = form;
  button.attributes.set("title", "mine");
  const [one, two] = fields;
  become(one, { sending: true });
  become(two, { sending: true });
  assert.deepEqual([button.disabled, button.getAttribute("title")], [true, "waits"]);
  assert.equal(button.getAttribute("aria-describedby"), "line");
  assert.equal(form.requestSubmit(), false);
  become(one, { sending: false });
  assert.deepEqual([button.disabled, one?.shown, two?.shown], [true, "open", "waits"]);
  become(two, { sending: false });
  assert.deepEqual([button.disabled, button.getAttribute("title")], [false, "mine"]);
  assert.equal(button.getAttribute("aria-describedby"), null);
  assert.deepEqual(form.submitted, []);
});

test("a button that was off stays off", () => {
  const { form, fields, become } = gateOf("wait");
  form.button.disabled = true;
  become(fields[0], { sending: true });
  become(fields[0], { sending: false });
  assert.equal(form.button.disabled, true);
});

test("who has saved is followed by the form when all is sent, by the same button", () => {
  const { form, fields, become } = gateOf("save", "save");
  const [one, two] = fields;
  become(one, { sending: true });
  become(two, { sending: true });
  assert.equal(form.requestSubmit(form.button), false);
  assert.deepEqual([one?.shown, two?.shown, form.button.disabled], ["follows", "follows", false]);
  become(one, { sending: false });
  assert.deepEqual(form.submitted, []);
  become(two, { sending: false });
  assert.deepEqual(form.submitted, [form.button]);
  assert.equal(two?.shown, "open");
});

test("saving can be taken back", () => {
  const { form, gate, fields, become } = gateOf("save");
  become(fields[0], { sending: true });
  form.requestSubmit();
  gate.takeBack();
  assert.equal(fields[0]?.shown, "open");
  become(fields[0], { sending: false });
  assert.deepEqual(form.submitted, []);
});

test("a form is not saved without the file that failed", () => {
  const { form, fields, become } = gateOf("save");
  become(fields[0], { sending: true });
  form.requestSubmit();
  become(fields[0], { sending: false, failed: true });
  assert.deepEqual([form.submitted, fields[0]?.shown], [[], "failed"]);
  become(fields[0], { sending: true, failed: false });
  assert.equal(fields[0]?.shown, "open");
});

test("a form that the browser does not validate is not saved either", () => {
  const { form, fields, become } = gateOf("wait", "wait");
  form.noValidate = true;
  become(fields[1], { failed: true });
  assert.equal(form.requestSubmit(), false);
  assert.deepEqual([form.submitted, fields[0]?.saidFailed, fields[1]?.saidFailed, fields[1]?.told], [[], 0, 1, 0]);
  become(fields[1], { failed: false });
  assert.equal(form.requestSubmit(), true);
});

test("one field that waits makes the form wait", () => {
  const { form, fields, become } = gateOf("save", "wait");
  become(fields[0], { sending: true });
  assert.equal(form.button.disabled, false);
  become(fields[1], { sending: true });
  assert.equal(form.button.disabled, true);
  assert.equal(fields[0]?.shown, "waits");
});

test("a field that leaves holds nothing up", () => {
  const { form, gate, fields, become } = gateOf("wait");
  become(fields[0], { sending: true });
  gate.leave(fields[0] as Field);
  assert.equal(form.button.disabled, false);
  assert.equal(form.requestSubmit(), true);
});
