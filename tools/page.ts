/** deno task page: bundles the page into build/studio. `easel studio` does it by itself where it is older than its sources. */

import { join } from "node:path";
import { ROOT } from "../src/base/root.ts";
import { bundlePage } from "../src/studio/bundle_page.ts";

try {
  await bundlePage(ROOT, join(ROOT, "build/studio"));
} catch (error) {
  console.error(`page: ${(error as Error).message}`);
  Deno.exit(1);
}
