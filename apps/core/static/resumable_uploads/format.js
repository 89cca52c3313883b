// Numbers, dates and names as people of this language read them.
import { pageData } from "./page-data.js";

const { language } = pageData;
const UNITS = ["kilobyte", "megabyte", "gigabyte", "terabyte"];
const DAY_SECONDS = 86_400;
const STEPS = [
  ["minute", 60],
  ["hour", 3600],
  ["day", DAY_SECONDS],
];

const formats = new Map();

/** Formats are dear to make and many to ask for. */
function numberFormat(options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(language, options));
  return formats.get(key);
}

/** Decimal units, as file managers show them. */
export function bytes(size) {
  if (size < 1000) return `${count(Math.round(size))} B`;
  const power = powerOf(size);
  return numberFormat({
    style: "unit",
    unit: UNITS[power - 1],
    unitDisplay: "short",
    ...digitsOf(size / 1000 ** power),
  }).format(size / 1000 ** power);
}

/** A part of a size in the unit of that, which is said once: "114 of 300 MB". */
export function bytesOf(part, size) {
  const value = part / 1000 ** powerOf(size);
  return numberFormat(size < 1000 ? { maximumFractionDigits: 0 } : digitsOf(size / 1000 ** powerOf(size))).format(
    value,
  );
}

function powerOf(size) {
  return Math.min(Math.floor(Math.log10(Math.max(size, 1)) / 3), UNITS.length);
}

function digitsOf(value) {
  const digits = value < 100 ? 1 : 0;
  return { minimumFractionDigits: digits, maximumFractionDigits: digits };
}

export function count(value) {
  return numberFormat({}).format(value);
}

/** Rounded down: 100% is said when everything is there. */
export function percent(percentage) {
  return numberFormat({ style: "percent" }).format(Math.floor(percentage) / 100);
}

/** A duration in its largest unit, or two if that is hours. */
export function duration(seconds) {
  const unit = (value, name) => numberFormat({ style: "unit", unit: name, unitDisplay: "short" }).format(value);
  if (seconds < 60) return unit(Math.max(Math.round(seconds), 1), "second");
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return unit(minutes, "minute");
  if (minutes < 600) return `${unit(Math.floor(minutes / 60), "hour")} ${unit(minutes % 60, "minute")}`;
  return unit(Math.round(minutes / 60), "hour");
}

const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const days = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const moments = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

/** "2 minutes ago" within a week, then the day. */
export function ago(date, now = Date.now()) {
  const seconds = Math.max((now - date.getTime()) / 1000, 0);
  if (seconds < 60) return relative.format(0, "second");
  if (seconds > 7 * DAY_SECONDS) return days.format(date);
  const [unit, size] = STEPS.findLast(([, size]) => seconds >= size);
  return relative.format(-Math.floor(seconds / size), unit);
}

/** A date with its time. */
export function moment(date) {
  return moments.format(date);
}

const lists = new Intl.ListFormat(language, { type: "unit" });

export function list(words) {
  return lists.format(words);
}
