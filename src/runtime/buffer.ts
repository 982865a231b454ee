/** A piece of device memory; `free` gives it back. Its content starts as zeros. */
export interface Buffer {
  readonly pointer: NonNullable<Deno.PointerValue>;
  readonly bytes: number;
}
