/** Drawing from the page: what becomes a job, what was drawn, and how. */

import { openFile } from "../../base/files/regular_file.ts";
import { samplerNames } from "../../generation/samplers/mod.ts";
import { file, json } from "../server/answers.ts";
import { bodyOf, numberField, pathField, queryOf, wordField } from "../fields.ts";
import { Refused, type Route } from "../studio.ts";
import { roomFor } from "../dataset/room.ts";
import { choicesIn } from "./choices.ts";
import { drawingJob, drawingOf } from "./drawing.ts";
import { galleryOf, isPicture } from "./gallery.ts";
import { axesOf, readGrid, startGrid } from "./grid.ts";
import { pictureSettings } from "./picture_settings.ts";

/** Of a picture that is read for its texts. */
const MOST_BYTES = 64 << 20;

export const routes: readonly Route[] = [
  {
    method: "GET",
    path: "/api/draw/choices",
    answer: async (_, { folders }) => json({ samplers: samplerNames, ...await choicesIn(folders) }),
  },
  {
    method: "POST",
    path: "/api/draw/job",
    async answer(asked, { folders }) {
      const drawing = drawingOf(await bodyOf(asked), folders);
      return json({ jobs: [drawingJob(drawing)], folder: drawing.folder, seed: drawing.seed });
    },
  },
  {
    method: "POST",
    path: "/api/draw/grid",
    async answer(asked, { folders }) {
      const body = await bodyOf(asked), drawing = drawingOf(body, folders);
      const axes = axesOf(body.x, body.y, drawing, folders);
      return json({ ...startGrid(drawing, axes), seed: drawing.seed });
    },
  },
  {
    method: "GET",
    path: "/api/draw/grid",
    answer: (asked, studio) => json(readGrid(pathField(asked, studio, "folder"))),
  },
  {
    method: "GET",
    path: "/api/draw/gallery",
    answer(asked, { folders }) {
      const query = queryOf(asked), folder = wordField(query, "folder", "") || "pictures";
      return json(galleryOf(folder, numberField(query, "from", 0), folders));
    },
  },
  {
    method: "GET",
    path: "/api/draw/thumbnail",
    async answer(asked, studio) {
      const path = pathField(asked, studio, "path"), { size, mtime } = Deno.statSync(path);
      const stamp = { bytes: size, mtime: mtime?.getTime() ?? 0 };
      const seen = await roomFor(studio).looking.look(path, stamp);
      if ("problem" in seen) throw new Refused(422, seen.problem);
      return new Response(seen.jpeg as Uint8Array<ArrayBuffer>, {
        headers: { "content-type": "image/jpeg", "cache-control": "private, max-age=86400" },
      });
    },
  },
  {
    method: "GET",
    path: "/api/draw/picture",
    async answer(asked, studio) {
      const path = pathField(asked, studio, "path");
      if (!isPicture(path)) throw new Refused(404, `${path}: is called like no picture`);
      const answer = await file(path);
      // "changed" in the address: another picture under the same name has another address
      if (asked.url.searchParams.has("changed")) {
        answer.headers.set("cache-control", "private, max-age=86400");
      }
      return answer;
    },
  },
  {
    method: "GET",
    path: "/api/draw/settings",
    answer: (asked, studio) => json(pictureSettings(bytesOf(pathField(asked, studio, "path")))),
  },
  {
    // a picture that was dropped on the page; it is read and forgotten
    method: "POST",
    path: "/api/draw/settings",
    answer: async (asked) => json(pictureSettings(await asked.bytes(MOST_BYTES))),
  },
];

function bytesOf(path: string): Uint8Array {
  using file = openFile(path);
  const { size } = file.statSync();
  if (size > MOST_BYTES) throw new Refused(413, `${path}: has ${size} bytes, too many for a picture`);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (let n; at < size && (n = file.readSync(bytes.subarray(at))); at += n);
  return bytes.subarray(0, at);
}
