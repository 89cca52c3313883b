// What a row tells on request, behind its "⋯".
import { setText } from "./rows.js";
import { say } from "./texts.js";

/**
 * Open the details of a row, or close them.
 *
 * @param facts pairs of a term and a value; a value may be an element
 * @param actions buttons below them
 * @returns the panel if it is open now, with a function that shows facts anew
 */
export function toggleDetails(row, { facts, actions = [] }) {
  const button = row.querySelector("[data-action=details]");
  const open = row.querySelector(".details");
  button.setAttribute("aria-expanded", String(!open));
  if (open) {
    open.remove();
    return undefined;
  }
  const panel = document.querySelector("#details").content.firstElementChild.cloneNode(true);
  const list = panel.querySelector("dl");
  for (const [term, value] of facts) list.append(...pair(term, value));
  panel.querySelector(".actions").append(...actions);
  row.append(panel);
  return panel;
}

/** Close the details of a row, if they are open; the keyboard goes from them to the row's buttons. */
export function closeDetails(row) {
  const open = row.querySelector(".details");
  if (!open) return;
  const focused = open.contains(document.activeElement);
  toggleDetails(row, {});
  if (focused) row.querySelector(":scope > .actions [data-action]:not([hidden])")?.focus();
}

/** Set the value of a fact that is shown already. */
export function updateFact(panel, term, value) {
  const found = [...panel.querySelectorAll("dt")].find((each) => each.textContent === term);
  if (found) setText(found.nextElementSibling, value);
}

function pair(term, value) {
  const name = document.createElement("dt");
  name.textContent = term;
  const description = document.createElement("dd");
  description.append(value);
  return [name, description];
}

/** A text in a fixed font, with a button that copies it. */
export function copyable(text) {
  const whole = document.createElement("span");
  whole.className = "copyable";
  const code = document.createElement("code");
  code.textContent = text;
  whole.append(code);
  // Pages without https may not write to the clipboard.
  if (navigator.clipboard) {
    const button = document.createElement("button");
    button.className = "quiet link";
    button.textContent = say("copy");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text).catch(() => {});
      button.textContent = say("copied");
    });
    whole.append(button);
  }
  return whole;
}

/** A button of a panel. */
export function actionButton(text, spoken, onClick) {
  const button = document.createElement("button");
  button.className = "quiet link";
  button.textContent = text;
  button.setAttribute("aria-label", spoken);
  button.addEventListener("click", onClick);
  return button;
}
