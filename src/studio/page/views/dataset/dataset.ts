/** Pictures and their captions: #/dataset, #/dataset/FOLDER; dataset files: #/dataset/file/PATH/FOLDER. */

import { html } from "../../parts/mod.ts";
import { DatasetFilePage } from "./file/file_page.ts";
import { Folders } from "./folders.ts";
import { OpenedFolder } from "./opened_folder.ts";

export function Dataset({ rest: [path, opened = "", folder = ""] }: { rest: readonly string[] }) {
  if (path === "file") return html`<${DatasetFilePage} path=${opened} folder=${folder} />`;
  return path ? html`<${OpenedFolder} key=${path} path=${path} />` : html`<${Folders} />`;
}
