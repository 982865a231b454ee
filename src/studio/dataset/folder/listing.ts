/** The pictures of one folder with their captions, as training would find them; looked at again, only what changed is read. */

import { basename, extname, join } from "node:path";
import { isTaken } from "../../../base/files/exists.ts";
import { captionNames, OTHER_CAPTIONS } from "../../../data/dataset/folders.ts";
import { IMAGE_EXTENSIONS } from "../../../images/load.ts";
import { byCodePoint } from "../../../text/code_points.ts";
import { entriesOf } from "../../entries.ts";
import { type CaptionState, captionState, NO_CAPTION } from "../captions/caption_file.ts";
import { inTurns } from "../in_turns.ts";

export interface ListedPicture {
  readonly name: string;
  /** Real paths; `path` is null where the picture is a link out of the folders, or gone. */
  readonly path: string | null;
  readonly mtime: number;
  readonly bytes: number;
  /** Why it is not shown. */
  readonly problem: string | null;
  readonly caption: CaptionState;
  /** Where its caption lies, or would. */
  readonly captionPath: string;
}

interface CaptionStamp {
  readonly stamp: string;
  readonly state: CaptionState;
}

export class FolderListing {
  readonly #captions = new Map<string, CaptionStamp>();
  #pictures: Map<string, ListedPicture> = new Map();
  #reading: Promise<void> | null = null;

  /** `folder`: a real path; `inside` refuses what leads out of the user's folders. */
  constructor(
    readonly folder: string,
    readonly extension: string,
    private readonly inside: (path: string) => string,
  ) {}

  /** By name, in the order of training. */
  get pictures(): ReadonlyMap<string, ListedPicture> {
    return this.#pictures;
  }

  /** Looks at the folder again; whoever asks meanwhile gets the same look. Throws Refused when it cannot be read. */
  async refresh(): Promise<this> {
    this.#reading ??= this.#read().finally(() => this.#reading = null);
    await this.#reading;
    return this;
  }

  async #read(): Promise<void> {
    const names = namesOf(this.folder), present = new Set(names), links = linksOf(this.folder);
    const found = new Map<string, ListedPicture>();
    await inTurns(names.filter(isImageName), (name) => {
      found.set(name, this.#look(name, (beside) => present.has(beside), links.has(name)));
    });
    for (const path of this.#captions.keys()) if (!present.has(basename(path))) this.#captions.delete(path);
    this.#pictures = found;
  }

  /** These pictures as they are now, those that are gone left out. */
  again(names: readonly string[]): ListedPicture[] {
    const isThere = (name: string) => isTaken(join(this.folder, name));
    return names.flatMap((name) => {
      if (!isImageName(name) || basename(name) !== name || !isThere(name)) return [];
      const now = this.#look(name, isThere, true);
      if (this.#pictures.has(name)) this.#pictures.set(name, now);
      return [now];
    });
  }

  #look(name: string, isThere: (name: string) => boolean, maybeLink: boolean): ListedPicture {
    const beside = captionNames(name, this.extension);
    const captionPath = join(this.folder, beside.find(isThere) ?? beside[0]);
    const caption = isThere(basename(captionPath)) ? this.#caption(captionPath) : NO_CAPTION;
    const told = { name, caption, captionPath };
    try {
      const path = maybeLink ? this.inside(join(this.folder, name)) : join(this.folder, name);
      const { mtime, size, isFile } = Deno.statSync(path);
      const problem = isFile ? null : "is no file";
      return { ...told, path, mtime: mtime?.getTime() ?? 0, bytes: size, problem };
    } catch (cause) {
      return { ...told, path: null, mtime: 0, bytes: 0, problem: (cause as Error).message };
    }
  }

  #caption(path: string): CaptionState {
    try {
      const { mtime, size, ino, isSymlink } = Deno.lstatSync(path);
      if (isSymlink) this.inside(path);
      const stamp = `${mtime?.getTime()} ${size} ${ino}`, known = this.#captions.get(path);
      if (known?.stamp === stamp && !isSymlink) return known.state;
      const state = captionState(path);
      this.#captions.set(path, { stamp, state });
      return state;
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound) return NO_CAPTION;
      return { text: null, version: "unread", problem: (cause as Error).message };
    }
  }
}

/** The ending that most captions of a folder have; ".txt", which taggers write, where there are none. */
export function captionEndingOf(folder: string): string {
  const names = namesOf(folder), stems = new Set<string>();
  for (const name of names) if (isImageName(name)) stems.add(basename(name, extname(name)));
  const counts = OTHER_CAPTIONS.map((ending) => ({
    ending,
    count: names.filter((name) => name.endsWith(ending) && stems.has(name.slice(0, -ending.length))).length,
  }));
  const [most] = counts.sort((a, b) => b.count - a.count);
  return most.count > 0 ? most.ending : ".txt";
}

export function isImageName(name: string): boolean {
  return IMAGE_EXTENSIONS.includes(extname(name).toLowerCase());
}

function namesOf(folder: string): string[] {
  return entriesOf(folder).filter((entry) => !entry.isDirectory).map(({ name }) => name).sort(byCodePoint);
}

function linksOf(folder: string): Set<string> {
  return new Set(entriesOf(folder).filter(({ isSymlink }) => isSymlink).map(({ name }) => name));
}
