const told = new Set<string>();

/** On the console, once for each host: over plain HTTP everybody on the way to another machine can use a token. */
export function warnWhereTokensCanBeRead(url: string): void {
  const { protocol, host, hostname } = new URL(url);
  if (protocol !== "http:" || isLoopback(hostname) || told.has(host)) return;
  told.add(host);
  console.warn(`The token is sent to ${host} over plain HTTP: everybody on the way can read it. Use https.`);
}

/** On the console, once a page. */
export function warnWithoutDigests(): void {
  if (told.has("")) return;
  told.add("");
  console.warn("Uploads are not verified without https.");
}

/** Of a parsed URL, so that every notation of an address is the usual one. */
function isLoopback(hostname: string): boolean {
  return /^(localhost\.?|.+\.localhost\.?|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

/** An absolute address of http or https; of anything else, as a script, nothing. */
export function webAddress(address: unknown, base: string): string | undefined {
  if (typeof address !== "string" || !URL.canParse(address, base)) return undefined;
  const { protocol, href } = new URL(address, base);
  return protocol === "http:" || protocol === "https:" ? href : undefined;
}
