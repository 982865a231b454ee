/** What the C library does with memory that is freed. */

/** glibc's M_MMAP_THRESHOLD, and the bytes from which an array is memory of its own. */
const MMAP_THRESHOLD = -3, OWN = 4 << 20;

/**
 * From now on an array of 4 MiB or more goes back to the system when it is freed. Left alone, glibc keeps arrays as large
 * as the largest that was ever freed (up to 32 MiB) in a heap that shrinks at its end only: pictures, latents and rows of
 * activations that a job has long let go would count as its memory. Elsewhere nothing happens.
 */
export function returnFreedArrays(): void {
  try {
    const mallopt = { mallopt: { parameters: ["i32", "i32"], result: "i32" } } as const;
    Deno.dlopen("libc.so.6", mallopt).symbols.mallopt(MMAP_THRESHOLD, OWN);
  } catch { /* another C library: its own way */ }
}
