/** Models and LoRAs: `#/files` the list, `#/files/file/PATH` one, `#/files/compare/A/B` two side by side. */

import { html } from "../../parts/mod.ts";
import { ComparePage } from "./compare_page.ts";
import { FileList } from "./file_list.ts";
import { FilePage } from "./file_page.ts";

export function Files({ rest: [what, a, b] }: { rest: readonly string[] }) {
  if (what === "file" && a) return html`<${FilePage} key=${a} path=${a} />`;
  if (what === "compare" && a && b) return html`<${ComparePage} key=${`${a}\0${b}`} a=${a} b=${b} />`;
  return html`<${FileList} />`;
}
