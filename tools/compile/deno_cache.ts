/** Where Deno keeps npm packages and what it downloads. */

import { join } from "node:path";

/** Deno's cache folder, by Deno's own rules for Linux. */
export function cacheFolder(): string {
  const home = Deno.env.get("HOME") ?? "/";
  return Deno.env.get("DENO_DIR") ?? join(Deno.env.get("XDG_CACHE_HOME") ?? join(home, ".cache"), "deno");
}
