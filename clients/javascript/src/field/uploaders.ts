import { UploadApi } from "../api.js";
import type { Load } from "../load.js";
import { settingsOf, type UploaderOptions } from "../options.js";
import { Uploader } from "../uploader.js";
import { csrfHeaders } from "./csrf.js";
import { LoginWait } from "./login.js";

/** What the fields of one form send with. */
export interface Sender {
  uploader: Uploader;
  /** To ask for an upload by its id. */
  api: UploadApi;
  login: LoginWait;
}

const senders = new WeakMap<ParentNode, Map<string, Sender>>();

/** One for all fields of a form, so that they share its connections, and the same file in two of them is two uploads. */
export function senderFor(form: ParentNode, apiUrl: string, load: Load): Sender {
  const ofForm = senders.get(form) ?? new Map<string, Sender>();
  senders.set(form, ofForm);
  const known = ofForm.get(apiUrl);
  if (known) return known;
  const login = new LoginWait();
  const options: UploaderOptions = {
    apiUrl,
    headers: (refusal) => csrfHeaders(form, refusal !== undefined),
    onLoginRequired: () => login.wait(),
  };
  const sender = { uploader: new Uploader(options, load), api: new UploadApi(settingsOf(options, load).api), login };
  ofForm.set(apiUrl, sender);
  return sender;
}
