/** Ending the process: the one way, wherever the program ends. */

/**
 * Ends the process at once, without the exit handlers of C. They would take down libraries whose threads are in the
 * midst of a computation, which ends in a crash in place of a status; and after work that is done they free one by one
 * what the system frees anyway, and a program whose files are written must not wait for that. Nothing of easel is
 * buffered: what was written to a stream or a file is there.
 */
export function exitNow(status: number): never {
  try {
    Deno.dlopen("libc.so.6", { _exit: { parameters: ["i32"], result: "void" } }).symbols._exit(status);
  } catch { /* another system: as well as Deno can */ }
  Deno.exit(status);
}
