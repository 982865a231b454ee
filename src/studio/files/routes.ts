/** Models and LoRAs below the folders: lists, what each is, hashes, comparisons, downloads. */

import { inspectFile } from "../../tools/inspect.ts";
import { json } from "../server/answers.ts";
import { type Asked, Refused, type Route, type Studio } from "../studio.ts";
import { aboutFile, aboutOf, saidOf, someTensors } from "./about.ts";
import { compareFiles } from "./compare.ts";
import { download } from "./download.ts";
import { hashesOf, knownHashes } from "./hashes.ts";
import { listFiles } from "./listing.ts";
import { previewOf } from "./preview.ts";

/** Rows that are looked into with one request. */
const MOST_ROWS = 100;

export const routes: readonly Route[] = [
  {
    method: "GET",
    path: "/api/files",
    answer({ url }, { folders }) {
      const folder = url.searchParams.get("folder") ?? folders.roots[0];
      return json({ roots: folders.roots, ...listFiles(folder, folders) });
    },
  },
  {
    method: "POST",
    path: "/api/files/about",
    async answer(asked, studio) {
      const { paths } = await asked.json() as { paths?: unknown };
      if (
        !Array.isArray(paths) || paths.length > MOST_ROWS || !paths.every((path) => typeof path === "string")
      ) {
        throw new Refused(400, `paths: give a list of at most ${MOST_ROWS} files`);
      }
      const files = paths.map((path: string) => {
        const real = studio.folders.inside(path);
        return { ...aboutFile(real), path };
      });
      return json({ files });
    },
  },
  {
    method: "GET",
    path: "/api/files/one",
    answer(asked, studio) {
      const path = pathOf(asked, studio), found = inspectFile(path);
      return json({
        about: aboutOf(found),
        metadata: saidOf(found.metadata),
        hashes: knownHashes(path, studio),
        ...(asked.url.searchParams.has("tensors") ? { tensors: someTensors(found.tensors) } : {}),
      });
    },
  },
  {
    method: "GET",
    path: "/api/files/compare",
    answer(asked, studio) {
      const [a, b] = ["a", "b"].map((name) => inspectFile(pathOf(asked, studio, name)));
      return json(compareFiles(a, b));
    },
  },
  {
    method: "POST",
    path: "/api/files/hash",
    async answer(asked, studio) {
      const { path } = await asked.json() as { path?: unknown };
      if (typeof path !== "string") throw new Refused(400, "path: give a file");
      return json(await hashesOf(studio.folders.inside(path), studio));
    },
  },
  {
    method: "GET",
    path: "/api/files/preview",
    answer(asked, studio) {
      const path = pathOf(asked, studio),
        picture = previewOf(path, inspectFile(path).metadata, studio.folders);
      if (!picture) throw new Refused(404, `${path}: has no picture in its metadata or beside it`);
      return new Response(picture.bytes, {
        headers: { "content-type": picture.type, "cache-control": "private, max-age=60" },
      });
    },
  },
  {
    method: "GET",
    path: "/api/files/download",
    answer: (asked, studio) => download(pathOf(asked, studio), asked.request),
  },
];

function pathOf({ url }: Asked, { folders }: Studio, name = "path"): string {
  const path = url.searchParams.get(name);
  if (!path) throw new Refused(400, `${name}: give a file`);
  return folders.inside(path);
}
