/** What is read: a file, its grid, and which of its chunks will be asked for. */
export interface Reading {
  file: Blob;
  chunkSize: number;
  expected: number[];
}

/** Hashes chunks of a file as they are asked for, and the whole of it meanwhile, reading each byte once. */
export interface Reader {
  /**
   * The SHA-256 of a chunk in base64.
   *
   * @throws {UploadError} `file_unreadable`, `file_changed`
   */
  digest(index: number): Promise<string>;
  /** The chunk will not be asked for after all. */
  skip(index: number): void;
  /** The SHA-256 of the whole file in hex. Ask when no more chunks will be asked for. */
  wholeHash(): Promise<string>;
  close(): void;
}
