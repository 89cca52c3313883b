// A list of which only so many rows are on the page: a thousand files are a thousand objects, and a hundred elements.

const FIRST_ROWS = 100;

export class RowList {
  #list;
  #more;
  #makeRow;
  #items = [];
  #rows = new Map();
  #limit = FIRST_ROWS;

  /**
   * @param list the element of the rows
   * @param makeRow given an item, makes what has an `element` and may have `close()`
   * @param more the button that shows more of them, where that is all there is to it
   */
  constructor(list, makeRow, more) {
    this.#list = list;
    this.#makeRow = makeRow;
    this.#more = more;
    more?.addEventListener("click", () => this.showMore());
  }

  /** Whether there are items without a row. */
  get hasMore() {
    return this.#items.length > this.#limit;
  }

  /** Show more of them; the keyboard goes to the first that is new. */
  showMore() {
    const first = this.#items[this.#limit];
    this.#limit += FIRST_ROWS;
    this.#fill();
    this.#rows.get(first)?.element.querySelector("a, button:not([hidden])")?.focus();
  }

  get items() {
    return this.#items;
  }

  get size() {
    return this.#items.length;
  }

  rowOf(item) {
    return this.#rows.get(item);
  }

  /** Show these, in this order. Rows of items that stay are left alone: somebody may be at one of them. */
  show(items) {
    const wanted = new Set(items);
    for (const item of this.#items) if (!wanted.has(item)) this.#drop(item);
    this.#items = [...items];
    this.#fill();
  }

  append(items) {
    this.#items.push(...items);
    this.#fill();
  }

  prepend(item) {
    this.#items.unshift(item);
    this.#fill();
  }

  remove(item) {
    const place = this.#items.indexOf(item);
    if (place < 0) return;
    this.#items.splice(place, 1);
    this.#drop(item);
    this.#fill();
  }

  /** Take an item away; the keyboard goes to what has come into its place, or to a heading if nothing has. */
  removeUnderFocus(item, heading) {
    const element = this.#rows.get(item)?.element;
    const focused = element?.contains(document.activeElement);
    const neighbour = element?.nextElementSibling ?? element?.previousElementSibling;
    this.remove(item);
    if (focused) (neighbour?.querySelector("button:not([hidden]), a, input") ?? heading).focus();
  }

  #drop(item) {
    const row = this.#rows.get(item);
    row?.close?.();
    row?.element.remove();
    this.#rows.delete(item);
  }

  #fill() {
    let last = null;
    for (const item of this.#items.slice(0, this.#limit)) {
      const { element } = this.#rows.get(item) ?? this.#newRow(item);
      const place = last ? last.nextElementSibling : this.#list.firstElementChild;
      if (place !== element) this.#list.insertBefore(element, place);
      last = element;
    }
    for (const item of this.#items.slice(this.#limit)) this.#drop(item);
    if (this.#more) this.#more.hidden = !this.hasMore;
  }

  #newRow(item) {
    const row = this.#makeRow(item);
    this.#rows.set(item, row);
    return row;
  }
}
