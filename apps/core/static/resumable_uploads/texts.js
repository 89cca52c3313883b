// The page's words, in the language of its reader.
import { pageData } from "./page-data.js";

const { texts, language } = pageData;
const rules = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language);

/**
 * A text with its values put in. Of a text that depends on a count, the form is that of `values.count`.
 *
 * @param key see views/page_texts.py
 */
export function say(key, values = {}) {
  const text = texts[key];
  const form = typeof text === "string" ? text : formOf(text, values.count);
  return form.replace(/%\((\w+)\)s/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? numbers.format(value) : value;
  });
}

export function hasText(key) {
  return key in texts;
}

/** The form of the sample with the count's plural category: gettext counts forms, and CLDR names them. */
function formOf(forms, count) {
  const category = rules.select(count);
  const sample = Object.keys(forms).find((each) => rules.select(Number(each)) === category);
  return forms[count] ?? forms[sample];
}
