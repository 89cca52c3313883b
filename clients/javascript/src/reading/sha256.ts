import { createSHA256, type IHasher, sha256 } from "hash-wasm";

/** An incremental SHA-256; WebCrypto has none. */
export async function createHash(): Promise<IHasher> {
  const hash = await createSHA256();
  return hash.init();
}

/** The SHA-256 of some bytes in base64. The bytes are copied before this returns; they may change then. */
export async function digestOf(bytes: Uint8Array): Promise<string> {
  return toBase64(await digestBytes(bytes));
}

async function digestBytes(bytes: Uint8Array): Promise<Uint8Array> {
  // Browsers give WebCrypto to secure contexts only: not to http:// outside localhost.
  if (globalThis.crypto?.subtle) return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as BufferSource));
  const hex = await sha256(bytes.slice());
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
