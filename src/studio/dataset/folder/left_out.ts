/**
 * Pictures that the user wants left out. Nothing happens to them: the studio keeps their names in its own folder, and on
 * request makes a folder of links to all the others, which any training takes in place of the original.
 */

import { basename, join, relative } from "node:path";
import { UserError } from "../../../base/errors.ts";
import { isTaken } from "../../../base/files/exists.ts";
import { fileText } from "../../../base/files/regular_file.ts";
import { writeKept } from "../../kept_file.ts";
import { keptIn } from "../kept_in.ts";
import type { ListedPicture } from "./listing.ts";

const MARK = "easel left out 1";

export class LeftOut {
  readonly #dir: string;
  #names: ReadonlySet<string>;

  /** `home`: the studio's; `folder`: a real path. */
  constructor(private readonly home: string, private readonly folder: string) {
    this.#dir = keptIn(home, "left_out", folder);
    this.#names = this.#read();
  }

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  mark(names: readonly string[], out: boolean): void {
    const now = new Set(this.#names);
    for (const name of names) {
      if (out) now.add(name);
      else now.delete(name);
    }
    const list = { mark: MARK, folder: this.folder, names: [...now].sort() };
    writeKept(this.home, this.#listPath, JSON.stringify(list, null, 1));
    this.#names = now;
  }

  /**
   * A folder whose own folder is a --train_data_dir: links to the pictures that stay and to their captions, under the name of
   * the original, whose repeats so hold. Links that are there from before are taken away first; nothing else is.
   */
  linkOthers(pictures: Iterable<ListedPicture>): { readonly folder: string; readonly pictures: number } {
    const name = basename(this.folder), folder = join(this.#dir, "pictures", name);
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (Deno.realPathSync(folder) !== join(Deno.realPathSync(this.home), relative(this.home, folder))) {
      throw new UserError(`${folder}: is a link to elsewhere, where nothing is made; remove it`);
    }
    for (const entry of [...Deno.readDirSync(folder)]) {
      if (entry.isSymlink) Deno.removeSync(join(folder, entry.name));
    }
    let count = 0;
    for (const { name, path, captionPath } of pictures) {
      if (path === null || this.#names.has(name)) continue;
      link(path, join(folder, name));
      count++;
      const caption = join(folder, basename(captionPath));
      if (isTaken(captionPath) && !isTaken(caption)) link(captionPath, caption);
    }
    return { folder, pictures: count };
  }

  get #listPath(): string {
    return join(this.#dir, "names.json");
  }

  #read(): ReadonlySet<string> {
    try {
      const { mark, folder, names } = JSON.parse(fileText(this.#listPath));
      if (mark === MARK && folder === this.folder && Array.isArray(names)) return new Set(names.map(String));
    } catch { /* none yet */ }
    return new Set();
  }
}

function link(target: string, path: string): void {
  try {
    Deno.symlinkSync(target, path);
  } catch (cause) {
    throw new UserError(`${path}: cannot be made as a link (${(cause as Error).message})`, { cause });
  }
}
