/* The `accept` of a file input, which browsers apply to what is chosen and not to what is dropped. */

/** What is known of a file before it is read. */
export interface Named {
  name: string;
  /** Empty where the browser knows no type for the name. */
  type: string;
}

function tokensOf(accept: string): string[] {
  return accept
    .split(",")
    .map((token) => token.trim().toLowerCase())
    .filter(Boolean);
}

/** Whether a file may be chosen. One of unknown type is, where types are named: the server looks at its content. */
export function accepts(accept: string, { name, type }: Named): boolean {
  const tokens = tokensOf(accept);
  if (tokens.length === 0) return true;
  return tokens.some((token) => {
    if (token.startsWith(".")) return name.toLowerCase().endsWith(token);
    if (type === "") return true;
    if (token.endsWith("/*")) return type.toLowerCase().startsWith(token.slice(0, -1));
    return token === type.toLowerCase();
  });
}

/** The same for people: suffixes as they are, kinds of files by their words. */
export function acceptedKinds(accept: string, wordOf: (kind: string) => string | undefined): string[] {
  return tokensOf(accept).map((token) => {
    const kind = token.endsWith("/*") ? wordOf(token.slice(0, -2)) : undefined;
    return kind ?? token;
  });
}

/** The same for `showOpenFilePicker`; undefined if everything may be chosen. */
export function pickerTypes(accept: string): { accept: Record<string, string[]> }[] | undefined {
  const tokens = tokensOf(accept);
  if (tokens.length === 0) return undefined;
  const suffixes = tokens.filter((token) => token.startsWith("."));
  const types = Object.fromEntries(tokens.filter((token) => !token.startsWith(".")).map((type) => [type, []]));
  return [{ accept: { ...types, ...(suffixes.length > 0 && { "application/octet-stream": suffixes }) } }];
}
