/** `deno task docs`: docs/cli.md, which is committed, and dist/easel.1, which releases carry. */

import { COMMANDS } from "../commands/index.ts";
import { manPage } from "./man.ts";
import { commandLinePage } from "./markdown.ts";

const root = new URL("../../../", import.meta.url);
Deno.writeTextFileSync(new URL("docs/cli.md", root), await commandLinePage());
Deno.mkdirSync(new URL("dist/", root), { recursive: true });
Deno.writeTextFileSync(new URL("dist/easel.1", root), await manPage(COMMANDS) + "\n");
