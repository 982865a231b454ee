/** Pictures: their small copies, masks and files, the buckets that they go to, and those that look alike. */

import { basename, extname, join } from "node:path";
import { UserError } from "../../../base/errors.ts";
import { fileBytes } from "../../../base/files/regular_file.ts";
import type { BucketParams } from "../../../data/batches/fill_buckets.ts";
import type { Size } from "../../../data/batches/buckets.ts";
import { listImages } from "../../../data/dataset/folders.ts";
import { RANGES } from "../../../data/dataset/ranges.ts";
import { imageKind, probeSize } from "../../../images/load.ts";
import { outside } from "../../../options/ranges.ts";
import { PICTURE_TYPES } from "../../server/answers.ts";
import { type Asked, Refused, type Route, type Studio } from "../../studio.ts";
import type { ListedPicture } from "../folder/listing.ts";
import { askedByName } from "../../../data/dataset/folders.ts";
import { alikeGroups, type Fingerprinted, MOST_BITS } from "../pictures/duplicates.ts";
import type { PictureProblem } from "../shown.ts";
import type { SeenPicture } from "../pictures/look_store.ts";
import type { Shown } from "../pictures/look_task.ts";
import { placePictures } from "../pictures/placements.ts";
import { type DatasetRoom, type OpenFolder, problemAt, roomFor } from "../room.ts";
import { choiceField, flagField, numberField, queryOf, wordField } from "../../fields.ts";
import { inTurns, type Progress } from "../in_turns.ts";
import { answerInLines } from "./lines.ts";
import { opened } from "./listing_routes.ts";

/** Addresses name time and size of the file, so what they lead to never changes. */
const FOREVER = "private, max-age=31536000, immutable";

/** Whatever its captions end in, which takes reading the folder to know. */
function pictureOf(query: Readonly<Record<string, unknown>>, studio: Studio) {
  return roomFor(studio).open(wordField(query, "folder"), ".txt").picture(wordField(query, "name"));
}

function copyOf(seen: SeenPicture): Response {
  if ("problem" in seen) throw new Refused(422, seen.problem);
  return new Response(seen.jpeg as Uint8Array<ArrayBuffer>, {
    headers: { "content-type": "image/jpeg", "cache-control": FOREVER },
  });
}

const thumbnail: Route = {
  method: "GET",
  path: "/api/dataset/thumbnail",
  async answer(asked, studio) {
    const query = queryOf(asked),
      { path, mtime, bytes } = pictureOf(query, studio);
    return copyOf(await roomFor(studio).looking.look(path, { mtime, bytes }));
  },
};

/** "alpha" of the picture itself, or the picture of the same name in `masks`, of which "red" is what a mask is read from. */
const mask: Route = {
  method: "GET",
  path: "/api/dataset/mask",
  async answer(asked, studio) {
    const query = queryOf(asked), picture = pictureOf(query, studio);
    const shown: Shown = choiceField(query, "shown", ["alpha", "red", "colours"], "red");
    const masks = wordField(query, "masks", "");
    const path = masks === "" ? picture.path : partner(picture.name, masks, studio);
    const { mtime, size } = Deno.statSync(path);
    return copyOf(
      await roomFor(studio).looking.look(path, { mtime: mtime?.getTime() ?? 0, bytes: size }, shown),
    );
  },
};

/** As conditioning pictures are found: the first one of the same stem. */
function partner(name: string, masks: string, { folders }: Studio): string {
  const folder = folders.inside(masks), stem = basename(name, extname(name));
  const found = listImages(folder).find((path) => basename(path, extname(path)) === stem);
  if (!found) throw new Refused(404, `${join(folder, stem)}: there is no picture of this name`);
  return folders.inside(found);
}

/** What browsers do not draw is shown as its small copy. */
const picture: Route = {
  method: "GET",
  path: "/api/dataset/picture",
  async answer(asked, studio) {
    const query = queryOf(asked),
      { path, mtime, bytes } = pictureOf(query, studio);
    const file = fileBytes(path), kind = imageKind(file), type = kind && PICTURE_TYPES[kind];
    if (!type) return copyOf(await roomFor(studio).looking.look(path, { mtime, bytes }));
    return new Response(file, { headers: { "content-type": type, "cache-control": FOREVER } });
  },
};

function rulesOf(asked: Asked): BucketParams {
  const query = queryOf(asked), text = wordField(query, "resolution", "512");
  const sides = text.split(/[,x]/).map((part) => Number(part.trim()));
  const [width, height = width] = sides;
  const wanted = sides.length > 2
    ? "one or two sides"
    : [width, height].map((side) =>
      Number.isInteger(side) ? outside(RANGES.resolution, side) : "a whole number"
    ).find((said) => said !== null);
  if (wanted) throw new Refused(400, `resolution ${text}: ${wanted} is wanted, like 512 or 640,448`);
  const within = (name: "min_bucket_reso" | "max_bucket_reso" | "bucket_reso_steps", fallback: number) => {
    const value = numberField(query, name, fallback), said = outside(RANGES[name], value);
    if (said) throw new Refused(400, `${name} ${value}: ${said} is wanted`);
    return value;
  };
  return {
    resolution: [width, height],
    enable_bucket: flagField(query, "enable_bucket", true),
    min_bucket_reso: within("min_bucket_reso", 256),
    max_bucket_reso: within("max_bucket_reso", 1024),
    bucket_reso_steps: within("bucket_reso_steps", 64),
    bucket_no_upscale: flagField(query, "bucket_no_upscale", false),
  };
}

const buckets: Route = {
  method: "GET",
  path: "/api/dataset/buckets",
  answer(asked, studio) {
    const query = queryOf(asked),
      room = roomFor(studio),
      folder = opened(query, studio),
      rules = rulesOf(asked);
    return answerInLines(async (progress, signal) => {
      const { pictures } = await folder.listing.refresh();
      const sized: { name: string; size: Size }[] = [], problems: PictureProblem[] = [];
      const wanted = [...pictures.values()].filter(({ name }) => !folder.isLeftOut(name));
      await inTurns(wanted, (picture) => {
        const size = sizeOf(room, picture);
        if (typeof size === "string") problems.push(problemAt(folder, picture.name, size));
        else sized.push({ name: picture.name, size });
      }, { signal, progress });
      const placed = placePictures(sized, rules, askedByName(basename(folder.path))?.repeats ?? 1);
      room.keepPlacements(folder.path, placed);
      const { rows, notes, meanError } = placed;
      return { rows, notes, problems, meanError, pictures: sized.length };
    });
  },
};

function sizeOf(room: DatasetRoom, { path, mtime, bytes, problem }: ListedPicture): Size | string {
  if (path === null || problem !== null) return String(problem);
  const known = room.looking.known(path, { mtime, bytes });
  if (known) return "problem" in known ? known.problem : [known.width, known.height];
  try {
    const { width, height } = probeSize(path);
    return [width, height];
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

const duplicates: Route = {
  method: "GET",
  path: "/api/dataset/duplicates",
  answer(asked, studio) {
    const query = queryOf(asked), folder = opened(query, studio);
    const bits = Math.min(MOST_BITS, numberField(query, "bits", 4));
    return answerInLines(async (progress, signal) => {
      const { pictures } = await folder.listing.refresh();
      const wanted = [...pictures.values()].filter((picture) =>
        picture.path !== null && picture.problem === null
      );
      const { prints, problems } = await fingerprints(wanted, folder, roomFor(studio), progress, signal);
      return { groups: alikeGroups(prints, bits), problems, pictures: prints.length };
    });
  },
};

async function fingerprints(
  pictures: readonly ListedPicture[],
  folder: OpenFolder,
  { looking }: DatasetRoom,
  progress: Progress,
  signal: AbortSignal,
): Promise<{ prints: Fingerprinted[]; problems: PictureProblem[] }> {
  const prints = new Map<number, Fingerprinted>(),
    problems: PictureProblem[] = [],
    waiting = [...pictures.entries()];
  let done = 0;
  const lane = async () => {
    for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift()) {
      const [i, { name, path, mtime, bytes }] = next, stamp = { mtime, bytes };
      const seen = looking.known(path!, stamp) ?? await looking.look(path!, stamp);
      if ("problem" in seen) problems.push(problemAt(folder, name, seen.problem));
      else prints.set(i, { name, hash: seen.hash, colour: seen.colour });
      progress(++done, pictures.length);
      if (done % 200 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
  };
  await Promise.all(Array.from({ length: looking.ahead }, lane));
  signal.throwIfAborted();
  return { prints: pictures.flatMap((_, i) => prints.get(i) ?? []), problems };
}

export const pictureRoutes: readonly Route[] = [thumbnail, mask, picture, buckets, duplicates];
