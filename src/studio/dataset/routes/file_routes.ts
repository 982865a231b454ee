/** Dataset files: read from a file, from their text or from the form, and written. */

import { json } from "../../server/answers.ts";
import { Refused, type Route } from "../../studio.ts";
import { datasetFileTold, folderTold, readDatasetToml, writeDatasetFile } from "../file/dataset_file.ts";
import { readDocument, textOfDocument } from "../file/document.ts";
import { bodyOf, queryOf, wordField } from "../../fields.ts";

export const fileRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/api/dataset/file",
    answer(asked, { folders }) {
      const { text, version } = readDatasetToml(wordField(queryOf(asked), "path"), folders);
      return json({ ...datasetFileTold(text, folders), version });
    },
  },
  {
    method: "POST",
    path: "/api/dataset/file",
    async answer(asked, { folders }) {
      const { text, document } = await bodyOf(asked);
      if (typeof text === "string") return json(datasetFileTold(text, folders));
      return json(datasetFileTold(textOfDocument(readDocument(document)), folders));
    },
  },
  {
    method: "PUT",
    path: "/api/dataset/file",
    async answer(asked, { folders }) {
      const body = await bodyOf(asked), { version = null } = body;
      if (version !== null && typeof version !== "string") {
        throw new Refused(400, "version is a text or null");
      }
      return json(writeDatasetFile(wordField(body, "path"), wordField(body, "text"), version, folders));
    },
  },
  {
    method: "GET",
    path: "/api/dataset/file/folder",
    answer: (asked, { folders }) => json(folderTold(wordField(queryOf(asked), "path"), folders)),
  },
];
