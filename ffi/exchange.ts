/** Two names of the file system change places at once: the one thing of Linux that Deno has no function for. */

const AT_FDCWD = -100, RENAME_EXCHANGE = 2;

/**
 * Exchanges what two paths name, both of which must exist, in one step that is done or not done whenever the process is
 * killed. False where this file system, kernel or C library cannot, and when it fails; nothing has changed then.
 */
export function exchange(a: string, b: string): boolean {
  if (Deno.build.os !== "linux") return false;
  let libc;
  try {
    libc = Deno.dlopen("libc.so.6", {
      renameat2: { parameters: ["i32", "buffer", "i32", "buffer", "u32"], result: "i32" },
    });
  } catch {
    return false;
  }
  const done = libc.symbols.renameat2(AT_FDCWD, text(a), AT_FDCWD, text(b), RENAME_EXCHANGE) === 0;
  libc.close();
  return done;
}

/** A string as C has it. Throws for one that C would take for a shorter one. */
function text(path: string): Uint8Array<ArrayBuffer> {
  if (path.includes("\0")) throw new TypeError("a path holds a zero");
  return new TextEncoder().encode(path + "\0");
}
