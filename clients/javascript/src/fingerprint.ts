/**
 * What tells a file from others without reading it: where it goes, and what the browser knows of it.
 *
 * A file that was changed on disk has another `lastModified`, so its earlier upload is not resumed with other bytes.
 */
export function fingerprintOf(file: File, apiUrl: string): string {
  return JSON.stringify([apiUrl, file.webkitRelativePath || file.name, file.size, file.lastModified]);
}
