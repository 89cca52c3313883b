import * as members from "./exports.js";
import type { UploaderOptions } from "./options.js";
import { serve } from "./reading/worker-main.js";
import { Uploader } from "./uploader.js";

// The one file for a <script> tag is its own worker: no second file to deploy, no blob: in a Content-Security-Policy.
if (typeof document === "undefined") {
  serve(self as unknown as Parameters<typeof serve>[0]);
} else {
  const { src } = document.currentScript as HTMLScriptElement;

  class ResumableUploader extends Uploader {
    constructor(options: UploaderOptions) {
      super(options, () => (src ? new Worker(src) : undefined));
    }
  }

  Object.assign(globalThis, { ResumableUploader: Object.assign(ResumableUploader, members) });
}
