import { UploadError } from "./errors.js";

/** A request as hooks see it. */
export interface OutgoingRequest {
  readonly method: string;
  readonly url: string;
  headers: Record<string, string>;
}

export interface HttpRequest extends OutgoingRequest {
  withCredentials: boolean;
  /** Milliseconds without progress after which the request is given up. */
  stallTimeout: number;
  signal: AbortSignal;
}

export interface SmallRequest extends HttpRequest {
  body?: string | Blob | undefined;
  /** Whether it is sent even though the page is left. */
  keepalive?: boolean | undefined;
}

export interface BlobRequest extends HttpRequest {
  body: Blob;
  /** Bytes of the body that have left. */
  onProgress: (loaded: number) => void;
}

export interface HttpAnswer {
  status: number;
  text: string;
  header(name: string): string | null;
}

// Nothing is heard while a request waits for one of the browser's six connections, nor while the last bytes, which the
// system has taken from the browser, are still on a slow line.
const STALL_FACTOR_AROUND_BODY = 4;

/**
 * One request that follows no redirect: wherever that led, the token and the application's headers would go along.
 *
 * @throws {UploadError} `network_error` without an answer, `stalled` when it takes too long, `aborted` by the signal,
 *   `redirected`.
 */
export async function send(request: SmallRequest): Promise<HttpAnswer> {
  const { method, url, headers, body = null, withCredentials, stallTimeout, signal, keepalive = false } = request;
  const life = new AbortController();
  const end = () => life.abort();
  const credentials = withCredentials ? "include" : "same-origin";
  const init = { method, headers, body, credentials, keepalive, redirect: "manual", signal: life.signal } as const;
  if (signal.aborted) throw new UploadError("aborted");
  signal.addEventListener("abort", end);
  // A body may be on its way for as long as it takes at 1 kB/s.
  const timer = setTimeout(end, stallTimeout * STALL_FACTOR_AROUND_BODY + (body instanceof Blob ? body.size : 0));
  try {
    const answer = await fetch(url, init);
    // Browsers do not tell its status.
    if (answer.type === "opaqueredirect" || Math.floor(answer.status / 100) === 3) throw new UploadError("redirected");
    return { status: answer.status, text: await answer.text(), header: (name) => answer.headers.get(name) };
  } catch (cause) {
    if (cause instanceof UploadError) throw cause;
    const ended = life.signal.aborted ? "stalled" : "network_error";
    throw new UploadError(signal.aborted ? "aborted" : ended, { cause });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}

/**
 * One request with bytes of a file, by XMLHttpRequest, which, unlike fetch, tells how much of the body has left. It
 * follows redirects by itself; browsers take the token off on the way to another origin.
 *
 * @throws {UploadError} as {@link send}; `stalled` without progress.
 */
export function sendBlob(request: BlobRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    let timer: ReturnType<typeof setTimeout>;
    let failure = new UploadError("network_error");

    const fail = (code: string) => {
      failure = new UploadError(code);
      xhr.abort();
    };
    const onAbort = () => fail("aborted");
    const wait = (milliseconds: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => fail("stalled"), milliseconds);
    };
    const end = () => {
      clearTimeout(timer);
      request.signal.removeEventListener("abort", onAbort);
    };

    xhr.open(request.method, request.url);
    xhr.withCredentials = request.withCredentials;
    for (const [name, value] of Object.entries(request.headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => {
      wait(request.stallTimeout);
      request.onProgress(event.loaded);
    };
    xhr.upload.onload = () => wait(request.stallTimeout * STALL_FACTOR_AROUND_BODY);
    xhr.onprogress = () => wait(request.stallTimeout);
    xhr.onload = () => {
      end();
      if (xhr.responseURL !== request.url) reject(new UploadError("redirected"));
      else resolve({ status: xhr.status, text: xhr.responseText, header: (name) => xhr.getResponseHeader(name) });
    };
    xhr.onerror = xhr.onabort = () => {
      end();
      reject(failure);
    };
    if (request.signal.aborted) {
      reject(new UploadError("aborted"));
      return;
    }
    request.signal.addEventListener("abort", onAbort);
    wait(request.stallTimeout * STALL_FACTOR_AROUND_BODY);
    xhr.send(request.body);
  });
}
