/** A dataset file that is worked on: form and text are two views of it, and the server has read both. */

import { useEffect, useRef, useState } from "preact/hooks";
import { keptByTab } from "../../../kept.ts";
import { get, post, put, withQuery } from "../../../server.ts";
import type { Cells, DatasetDocument, DatasetFileTold, DatasetFolderTold } from "../told.ts";
import { foldersOf, NEW_DATASET, NEW_DOCUMENT, withDataset } from "./cells.ts";

interface Working {
  /** Where it is, or will be, saved. */
  readonly path: string;
  /** Of the file that was opened or written; null: there is none yet. */
  readonly version: string | null;
  readonly told: DatasetFileTold;
  readonly saved: string | null;
}

/** So that a look at another view, or loading the page anew, loses nothing. */
let working: Working | null = null;
working = keptByTab<Working>("dataset file", () => working ?? undefined) ?? null;

/** While somebody types. */
const PAUSE = 200;

export interface DatasetFileState {
  readonly path: string;
  readonly told: DatasetFileTold | null;
  /** Whether what is told is of the last that was typed. */
  readonly settled: boolean;
  readonly error: string | null;
  readonly changed: boolean;
  setPath(path: string): void;
  change(document: DatasetDocument): void;
  edit(text: string): void;
  /** Into the first dataset. */
  addFolder(path: string): Promise<void>;
  /** Throws what the server refuses. */
  save(): Promise<string>;
}

/** `opened`: a file's path, "" for what was worked on last; `folder`: one to add. */
export function useDatasetFile(opened: string, folder: string, home: string): DatasetFileState {
  const [state, setState] = useState(working), [error, setError] = useState<string | null>(null);
  const [settled, setSettled] = useState(true), asked = useRef(0), timer = useRef(0);
  const take = (next: Working) => setState(working = next);
  const attempt = async (work: () => Promise<void>) => {
    const mine = ++asked.current;
    try {
      await work();
      if (mine === asked.current) setSettled(true);
    } catch (failed) {
      if (mine === asked.current) setError((failed as Error).message);
    }
  };
  const ask = (body: { text: string } | { document: DatasetDocument }, pause = PAUSE) => {
    setSettled(false);
    setError(null);
    clearTimeout(timer.current);
    const told = { ...working!.told, ...body };
    take({ ...working!, told });
    timer.current = setTimeout(() =>
      attempt(async () => {
        const mine = asked.current, told = await post<DatasetFileTold>("/api/dataset/file", body);
        if (mine === asked.current) take({ ...working!, told });
      }), pause) as unknown as number;
  };
  const addFolder = async (path: string) => {
    const told = await get<DatasetFolderTold>(withQuery("/api/dataset/file/folder", { path }));
    const document = working!.told.document ?? NEW_DOCUMENT, [first = NEW_DATASET] = document.datasets;
    if (foldersOf(document).includes(path)) return;
    ask({
      document: withDataset(document, 0, { ...first, subsets: [...first.subsets, subsetFor(path, told)] }),
    }, 0);
  };
  useEffect(() => {
    attempt(async () => {
      if (opened !== "" && opened !== working?.path) {
        const { version, ...told } = await get<DatasetFileTold & { version: string }>(
          withQuery("/api/dataset/file", { path: opened }),
        );
        take({ path: opened, version, told, saved: told.text });
      }
      if (!working) {
        const told = await post<DatasetFileTold>("/api/dataset/file", { document: NEW_DOCUMENT });
        take({ path: `${home}/dataset.toml`, version: null, told, saved: null });
      }
      if (folder !== "") await addFolder(folder);
    });
    return () => {
      asked.current++;
      clearTimeout(timer.current);
    };
  }, [opened, folder]);
  return {
    ...{ path: state?.path ?? "", told: state?.told ?? null, settled, error, addFolder },
    changed: state !== null && state.told.text !== state.saved,
    setPath: (path) => take({ ...working!, path, version: path === working!.path ? working!.version : null }),
    change: (document) => ask({ document }),
    edit: (text) => ask({ text }),
    async save() {
      const { path, version, told: { text } } = working!;
      const written = await put<{ path: string; version: string }>("/api/dataset/file", {
        path,
        text,
        version,
      });
      take({ ...working!, ...written, saved: text });
      return written.path;
    },
  };
}

/** With what its name asks for, as --train_data_dir would take it. */
function subsetFor(path: string, { repeats }: DatasetFolderTold): Cells {
  return {
    image_dir: JSON.stringify(path),
    num_repeats: String(repeats?.repeats ?? 1),
    ...repeats?.classTokens && { class_tokens: JSON.stringify(repeats.classTokens) },
  };
}

/** The next one begins anew. */
export function forgetDatasetFile(): void {
  working = null;
}
