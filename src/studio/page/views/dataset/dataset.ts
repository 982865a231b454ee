/** Pictures and their captions: #/dataset, #/dataset/FOLDER. */

import { html } from "../../parts/mod.ts";
import { Folders } from "./folders.ts";
import { OpenedFolder } from "./opened_folder.ts";

export function Dataset({ rest: [path] }: { rest: readonly string[] }) {
  return path ? html`<${OpenedFolder} key=${path} path=${path} />` : html`<${Folders} />`;
}
