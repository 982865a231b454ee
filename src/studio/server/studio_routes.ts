/** What the page asks about the studio itself: its folders and commands. */

import { Refused, type Route } from "../studio.ts";
import { json } from "./answers.ts";

export const studioRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/api/studio",
    answer: (_, { folders, catalogue, home }) =>
      json({ folders: folders.roots, home, commands: catalogue.names }),
  },
  {
    method: "POST",
    path: "/api/folders",
    async answer(asked, { folders }) {
      const { path } = await asked.json() as { path?: unknown };
      if (typeof path !== "string") throw new Refused(400, "path is the folder to add, as a text");
      folders.confirm(path);
      return json({ folders: folders.roots });
    },
  },
];
