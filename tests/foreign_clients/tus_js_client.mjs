// One upload by tus-js-client, cut in the middle and resumed from its address if so wished. Prints the address.
import { readFileSync } from "node:fs";
import { Upload } from "tus-js-client";

const options = JSON.parse(process.argv[2]);
const file = readFileSync(options.path);

function send({ cutAt = 0, previous } = {}) {
  return new Promise((resolve, reject) => {
    const upload = new Upload(file, {
      endpoint: options.endpoint,
      headers: { Authorization: `Bearer ${options.token}` },
      metadata: { filename: "film.bin", filetype: "application/octet-stream" },
      chunkSize: options.chunkSize ?? Number.POSITIVE_INFINITY,
      parallelUploads: options.parallelUploads,
      protocol: options.protocol,
      retryDelays: [100, 300, 1000],
      onError: reject,
      onSuccess: () => resolve(upload),
      onProgress(sent) {
        if (!cutAt || sent < cutAt) return;
        cutAt = 0;
        upload.abort().then(() => resolve(upload));
      },
    });
    if (previous) upload.resumeFromPreviousUpload(previous);
    upload.start();
  });
}

let upload = await send({ cutAt: options.cut ? file.length / 2 : 0 });
if (options.cut) {
  const previous = { uploadUrl: upload.url, parallelUploadUrls: upload._parallelUploadUrls, size: file.length };
  upload = await send({ previous: { ...previous, metadata: {} } });
}
console.log(upload.url);
