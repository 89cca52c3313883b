import { UploadError } from "./errors.js";

export interface HttpRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string | Blob;
  withCredentials: boolean;
  /** Milliseconds without progress after which the request is given up. */
  stallTimeout: number;
  signal: AbortSignal;
  /** Bytes of the body that have left. */
  onProgress?: ((loaded: number) => void) | undefined;
}

export interface HttpAnswer {
  status: number;
  text: string;
  retryAfter: string | null;
}

// Nothing is heard while a request waits for one of the browser's six connections, nor while the last bytes, which the
// system has taken from the browser, are still on a slow line.
const STALL_FACTOR_AROUND_BODY = 4;

/**
 * One request by XMLHttpRequest, which, unlike fetch, tells how much of the body has left.
 *
 * @throws {UploadError} `network_error` without an answer, `stalled` without progress, `aborted` by the signal.
 */
export function send(request: HttpRequest): Promise<HttpAnswer> {
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
      request.onProgress?.(event.loaded);
    };
    xhr.upload.onload = () => wait(request.stallTimeout * STALL_FACTOR_AROUND_BODY);
    xhr.onprogress = () => wait(request.stallTimeout);
    xhr.onload = () => {
      end();
      resolve({ status: xhr.status, text: xhr.responseText, retryAfter: xhr.getResponseHeader("Retry-After") });
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
    xhr.send(request.body ?? null);
  });
}
