/** One of the files that the executable unpacks. */
export interface PayloadFile {
  /** Below the unpacked folder. */
  readonly path: string;
  readonly source: string;
  readonly mode: number;
}
