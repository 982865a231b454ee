/** What the page asks about the studio itself: its folders and commands, paths to choose, files to take. */

import { isPathKind } from "../../options/endings.ts";
import { Refused, type Route } from "../studio.ts";
import { json } from "./answers.ts";
import { browse } from "./browse.ts";
import { bodyOf, wordField } from "../fields.ts";
import { keepUpload, makeFolder, MOST_UPLOADED } from "./uploads.ts";

export const studioRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/api/studio",
    answer: (_, { folders, catalogue, home }) =>
      json({ folders: folders.roots, confirmed: folders.confirmed, home, commands: catalogue.names }),
  },
  {
    method: "POST",
    path: "/api/folders",
    async answer(asked, { folders }) {
      const path = folders.confirm(wordField(await bodyOf(asked), "path"));
      return json({ path, folders: folders.roots });
    },
  },
  {
    method: "POST",
    path: "/api/folders/forget",
    async answer(asked, { folders }) {
      const { path } = await asked.json() as { path?: unknown };
      if (typeof path !== "string") throw new Refused(400, "path is the folder to take off, as a text");
      folders.forget(path);
      return json({ folders: folders.roots });
    },
  },
  {
    method: "POST",
    path: "/api/folders/new",
    async answer(asked, { folders }) {
      const body = await bodyOf(asked);
      return json({ path: makeFolder(folders, wordField(body, "parent"), wordField(body, "name")) });
    },
  },
  {
    method: "GET",
    path: "/api/browse",
    answer({ url: { searchParams } }, { folders }) {
      const kind = searchParams.get("kind");
      if (kind !== null && !isPathKind(kind)) throw new Refused(400, `${kind}: is no kind of path`);
      return json(browse(folders, searchParams.get("path"), kind));
    },
  },
  {
    method: "PUT",
    path: "/api/uploads",
    async answer(asked, { folders }) {
      const { searchParams } = asked.url;
      const [folder, name] = [searchParams.get("folder") ?? "", searchParams.get("name") ?? ""];
      return json({ path: await keepUpload(folders, folder, name, asked.pieces(MOST_UPLOADED)) }, 201);
    },
  },
];
