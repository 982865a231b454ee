/** deno task release [FOLDER]: the archive, its checksum and the SBOM, in dist/ unless told otherwise. */

import { join } from "node:path";
import { release } from "./release.ts";

const root = join(import.meta.dirname!, "../..");
try {
  for (const path of await release(root, Deno.args[0] ?? join(root, "dist"))) console.log(path);
} catch (error) {
  console.error(`release: ${(error as Error).message}`);
  Deno.exit(1);
}
