// File names in rows: their end tells more than their middle, and they may be of any script.

// As much of the end as tells copies apart, with the suffix.
const TAIL_CHARACTERS = 13;
const SHORT_CHARACTERS = 18;

/** The part of a name that may be cut, and the end that stays. */
export function splitName(name) {
  const characters = [...name];
  if (characters.length <= SHORT_CHARACTERS) return [name, ""];
  return [characters.slice(0, -TAIL_CHARACTERS).join(""), characters.slice(-TAIL_CHARACTERS).join("")];
}

/** Put a name into a row's `.name`. */
export function showName(element, name) {
  const [head, tail] = splitName(name);
  const [start, end] = element.firstElementChild.children;
  start.textContent = head;
  end.textContent = tail;
  element.title = name;
}

/** The suffix of a name, short enough for an icon. */
export function suffix(name) {
  const found = /\.([^.\s]{1,4})$/u.exec(name);
  return found ? found[1].toUpperCase() : "";
}

/** Lower case, with its dot, as the server's list of accepted types has it; empty without one. */
export function wholeSuffix(name) {
  return (/\.[^.]*$/.exec(name.trim())?.[0] ?? "").toLowerCase();
}

/** The folder of a relative path; empty for a file of none. */
export function folderOf(path = "") {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}
