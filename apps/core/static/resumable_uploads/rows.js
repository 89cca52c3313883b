// What the rows of all lists have in common.
import { showName, suffix } from "./names.js";
import { say } from "./texts.js";

const LARGEST_THUMBNAIL = 30e6;

/** A new row from its template, with a name. */
export function newRow(template, name, path = name) {
  const element = document.querySelector(template).content.firstElementChild.cloneNode(true);
  const title = element.querySelector(".name");
  showName(title, name);
  title.title = path;
  element.querySelector(".thumb").textContent = suffix(name);
  for (const button of element.querySelectorAll("[data-action]")) {
    const { action } = button.dataset;
    label(button, say(`button.${action}`, { name }), button.textContent.trim());
  }
  return element;
}

/** Tell those who hear the page what a button is for, and the others too where it is only an icon. */
export function label(element, text, visible = "") {
  element.setAttribute("aria-label", text);
  if (!visible) element.title = text;
}

/** Set a text only where it is another one: rows are drawn often. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show these actions of a row, and no others. A button that vanishes takes the keyboard's place with it. */
export function showActions(element, actions) {
  const focused = element.contains(document.activeElement);
  for (const button of element.querySelectorAll(":scope > .actions [data-action]")) {
    button.hidden = !actions.includes(button.dataset.action);
  }
  const active = document.activeElement;
  if (focused && (!element.contains(active) || active.hidden)) {
    element.querySelector(":scope > .actions [data-action]:not([hidden])")?.focus();
  }
}

/** A picture of an image that is here. */
export function showThumbnail(element, file) {
  if (!/^image\/(avif|bmp|gif|jpeg|png|webp)$/.test(file.type) || file.size > LARGEST_THUMBNAIL) return;
  const image = new Image();
  image.alt = "";
  image.src = URL.createObjectURL(file);
  image
    .decode()
    .then(
      () => element.replaceChildren(image),
      // No image after all; the suffix stays.
      () => {},
    )
    .finally(() => URL.revokeObjectURL(image.src));
}
