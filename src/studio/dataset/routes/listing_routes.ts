/** Folders, the pictures in them, and what is told of each. */

import { json } from "../../server/answers.ts";
import type { Asked, Route, Studio } from "../../studio.ts";
import { choosePictures, countPictures, SHOWN, standingOf, type Wish } from "../folder/choose.ts";
import type { ListedPicture } from "../folder/listing.ts";
import { seeFolder } from "../folder/subfolders.ts";
import { tagCounts } from "../captions/tags.ts";
import type { PictureItem } from "../shown.ts";
import { type DatasetRoom, type OpenFolder, problemAt, roomFor } from "../room.ts";
import { bodyOf, choiceField, flagField, queryOf, wordField, wordsField } from "../../fields.ts";
import { stepsTold } from "./steps_told.ts";

/** The folder that a request names, as its query or body. */
export function opened(fields: Readonly<Record<string, unknown>>, studio: Studio): OpenFolder {
  return roomFor(studio).open(wordField(fields, "folder"), wordField(fields, "extension", ""));
}

function wishOf(asked: Asked, room: DatasetRoom, folder: OpenFolder): Wish {
  const query = queryOf(asked), bucket = wordField(query, "bucket", "");
  return {
    shown: choiceField(query, "shown", SHOWN, "all"),
    search: wordField(query, "search", ""),
    tags: asked.url.searchParams.getAll("tag"),
    without: asked.url.searchParams.getAll("without"),
    among: bucket === "" ? null : room.inBucket(folder.path, bucket),
  };
}

export function itemOf(room: DatasetRoom, folder: OpenFolder, picture: ListedPicture): PictureItem {
  const { name, path, mtime, bytes, caption } = picture;
  const known = path === null ? null : room.looking.known(path, { mtime, bytes });
  const looked = known && !("problem" in known) ? known : null;
  return {
    ...{ name, standing: standingOf(picture), text: caption.text, version: caption.version, mtime, bytes },
    problem: problemAt(folder, name, folder.problemOf(picture))?.problem ?? null,
    readable: path !== null && picture.problem === null && (known === null || looked !== null),
    leftOut: folder.isLeftOut(name),
    ...{ width: looked?.width ?? null, height: looked?.height ?? null, alpha: looked?.alpha ?? false },
    placed: room.placed(folder.path, name),
  };
}

export const listingRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/api/dataset/folder",
    answer(asked, { folders }) {
      const path = folders.inside(wordField(queryOf(asked), "path"));
      return json(seeFolder(path, (inner) => folders.inside(inner)));
    },
  },
  {
    method: "GET",
    path: "/api/dataset/names",
    async answer(asked, studio) {
      const room = roomFor(studio), folder = opened(queryOf(asked), studio);
      const { pictures, extension } = await folder.listing.refresh();
      const chosen = choosePictures(pictures.values(), wishOf(asked, room, folder), folder);
      return json({
        ...{ folder: folder.path, extension, names: chosen.map(({ name }) => name) },
        counts: countPictures(pictures.values(), folder),
        steps: stepsTold(folder, studio),
      });
    },
  },
  {
    method: "POST",
    path: "/api/dataset/items",
    async answer(asked, studio) {
      const body = await bodyOf(asked), room = roomFor(studio), folder = opened(body, studio);
      const items = folder.listing.again(wordsField(body, "names").slice(0, MOST_ITEMS));
      return json({ items: items.map((picture) => itemOf(room, folder, picture)) });
    },
  },
  {
    method: "POST",
    path: "/api/dataset/tag_counts",
    async answer(asked, studio) {
      const body = await bodyOf(asked), folder = opened(body, studio);
      const { pictures } = await folder.listing.refresh();
      const names = body.names == null ? [...pictures.keys()] : wordsField(body, "names");
      const tags = tagCounts(names.map((name) => pictures.get(name)?.caption.text ?? ""));
      return json({ tags: tags.slice(0, MOST_TAGS), all: tags.length });
    },
  },
  {
    method: "PUT",
    path: "/api/dataset/left_out",
    async answer(asked, studio) {
      const body = await bodyOf(asked), folder = opened(body, studio);
      folder.leftOut.mark(wordsField(body, "names"), flagField(body, "out"));
      return json({ names: [...folder.leftOut.names] });
    },
  },
  {
    method: "POST",
    path: "/api/dataset/linked",
    async answer(asked, studio) {
      const folder = opened(await bodyOf(asked), studio);
      const { pictures } = await folder.listing.refresh();
      return json(folder.leftOut.linkOthers(pictures.values()));
    },
  },
];

const MOST_ITEMS = 500, MOST_TAGS = 3000;
