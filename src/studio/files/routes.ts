/** Models and LoRAs below the folders: lists, what each is, hashes, comparisons, downloads. */

import { inspectFile } from "../../tools/inspect.ts";
import { json } from "../server/answers.ts";
import { bodyOf, pathField, wordField, wordsField } from "../fields.ts";
import { Refused, type Route } from "../studio.ts";
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
      const paths = wordsField(await bodyOf(asked), "paths");
      if (paths.length > MOST_ROWS) {
        throw new Refused(400, `paths: give a list of at most ${MOST_ROWS} files`);
      }
      const files = paths.map((path) => {
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
      const path = pathField(asked, studio, "path"), found = inspectFile(path);
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
      const [a, b] = ["a", "b"].map((name) => inspectFile(pathField(asked, studio, name)));
      return json(compareFiles(a, b));
    },
  },
  {
    method: "POST",
    path: "/api/files/hash",
    async answer(asked, studio) {
      const path = studio.folders.inside(wordField(await bodyOf(asked), "path"));
      return json(await hashesOf(path, studio));
    },
  },
  {
    method: "GET",
    path: "/api/files/preview",
    answer(asked, studio) {
      const path = pathField(asked, studio, "path"),
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
    answer: (asked, studio) => download(pathField(asked, studio, "path"), asked.request),
  },
];
