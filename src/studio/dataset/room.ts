/** What the dataset's routes of one server share: folders that are open, pictures that were seen, steps to take back. */

import { join } from "node:path";
import { Refused, type Studio } from "../studio.ts";
import { UndoSteps } from "./captions/undo_steps.ts";
import type { PictureMarks } from "./folder/choose.ts";
import { LeftOut } from "./folder/left_out.ts";
import { captionEndingOf, FolderListing, type ListedPicture } from "./folder/listing.ts";
import { Looking } from "./pictures/looking.ts";
import type { Placements } from "./pictures/placements.ts";
import type { PictureProblem, PlacedPicture } from "./shown.ts";

/** Folders whose captions stay in memory. */
const MOST_OPEN = 8;

/** What is open of one folder. */
export interface OpenFolder extends PictureMarks {
  readonly path: string;
  readonly steps: UndoSteps;
  readonly leftOut: LeftOut;
  readonly listing: FolderListing;
  /** At a picture of it. Throws Refused (404). */
  picture(name: string): ListedPicture & { readonly path: string };
}

export class DatasetRoom {
  readonly looking: Looking;
  readonly #steps = new Map<string, UndoSteps>();
  readonly #leftOut = new Map<string, LeftOut>();
  readonly #placements = new Map<string, Placements>();
  readonly #listings = new Map<string, FolderListing>();

  constructor(private readonly studio: Studio) {
    this.looking = new Looking(studio.home);
    studio.signal.addEventListener("abort", () => this.looking[Symbol.dispose](), { once: true });
  }

  /** `extension`: of captions; "" is what the folder has. Throws Refused and UserError. */
  open(folder: string, extension = ""): OpenFolder {
    const path = this.studio.folders.inside(folder);
    if (extension !== "" && !/^\.[^/\0]{1,40}$/.test(extension)) {
      throw new Refused(
        400,
        `the ending of captions is ${JSON.stringify(extension)}; one like ".txt" is wanted`,
      );
    }
    const listing = this.#listing(path, extension || captionEndingOf(path));
    const { home } = this.studio;
    const leftOut = kept(this.#leftOut, path, () => new LeftOut(home, path));
    return {
      ...{ path, listing, leftOut },
      steps: kept(
        this.#steps,
        path,
        () => new UndoSteps(home, path, (inner) => this.studio.folders.inside(inner)),
      ),
      isLeftOut: (name) => leftOut.names.has(name),
      problemOf: (picture) => this.problemOf(picture),
      picture(name) {
        const [found] = listing.again([name]);
        if (!found) throw new Refused(404, `${join(path, name)}: there is no such picture`);
        if (found.path === null) throw new Refused(403, `${join(path, name)}: ${found.problem}`);
        return { ...found, path: found.path };
      },
    };
  }

  keepPlacements(folder: string, placements: Placements): void {
    this.#placements.set(folder, placements);
  }

  /** Where a picture goes by the rules that were asked for last; null where none were. */
  placed(folder: string, name: string): PlacedPicture | null {
    return this.#placements.get(folder)?.byName.get(name) ?? null;
  }

  /** Names in a bucket such as "512x768". */
  inBucket(folder: string, bucket: string): ReadonlySet<string> {
    const placed = [...this.#placements.get(folder)?.byName ?? []];
    return new Set(placed.filter(([, { bucket: size }]) => size.join("x") === bucket).map(([name]) => name));
  }

  problemOf({ path, mtime, bytes, problem, caption }: ListedPicture): string | null {
    if (problem !== null || path === null) return problem;
    const known = this.looking.known(path, { mtime, bytes });
    return known && "problem" in known ? known.problem : caption.problem;
  }

  #listing(path: string, extension: string): FolderListing {
    const key = `${extension} ${path}`;
    const found = this.#listings.get(key) ??
      new FolderListing(path, extension, (inner) => this.studio.folders.inside(inner));
    this.#listings.delete(key);
    this.#listings.set(key, found); // the last one used stands last
    const [oldest] = this.#listings.keys();
    if (this.#listings.size > MOST_OPEN) this.#listings.delete(oldest);
    return found;
  }
}

/** What is wrong with a picture, without its path: the page knows where it is. */
export function problemAt({ path }: OpenFolder, name: string, problem: string): PictureProblem;
export function problemAt({ path }: OpenFolder, name: string, problem: string | null): PictureProblem | null;
export function problemAt({ path }: OpenFolder, name: string, problem: string | null) {
  return problem === null ? null : { name, problem: problem.replace(`${join(path, name)}: `, "") };
}

const rooms = new WeakMap<Studio, DatasetRoom>();

export function roomFor(studio: Studio): DatasetRoom {
  const room = rooms.get(studio) ?? new DatasetRoom(studio);
  rooms.set(studio, room);
  return room;
}

function kept<T>(map: Map<string, T>, key: string, make: () => T): T {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}
