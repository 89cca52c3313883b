// Numbers and names as people read them.

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Decimal units, as file managers show them. */
export function bytes(count) {
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), UNITS.length - 1);
  const value = count / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`;
}

/** A duration in its two largest units at most. */
export function duration(seconds) {
  if (seconds < 1) return "less than 1 s";
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36_000) return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** "12 MB/s · 3 min left", or as much of it as is known. */
export function pace(bytesPerSecond, remainingSeconds) {
  if (!bytesPerSecond) return "";
  const left = remainingSeconds === undefined ? "" : ` · ${duration(remainingSeconds)} left`;
  return `${bytes(bytesPerSecond)}/s${left}`;
}

/** The suffix of a name, short enough for an icon. */
export function suffix(name) {
  const found = /\.([^.]{1,4})$/.exec(name);
  return found ? found[1].toUpperCase() : "FILE";
}
