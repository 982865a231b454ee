/** A folder that is open: its pictures, which of them are looked at, and what is written in their captions. */

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { tellError } from "../../parts/mod.ts";
import { get, post, put, ServerError, withQuery } from "../../server.ts";
import {
  type ConflictTold,
  type Counts,
  inLines,
  type MovedTold,
  type NamesTold,
  type PictureItem,
  type StepsTold,
} from "./told.ts";
import { type Draft, keepUnsaved, unsavedIn } from "./unsaved.ts";

export interface DatasetWish {
  readonly shown: string;
  readonly search: string;
  readonly tags: readonly string[];
  readonly without: readonly string[];
  readonly bucket: string;
  /** Of captions; "" is what the folder has. */
  readonly extension: string;
}

const EVERYTHING: DatasetWish = {
  shown: "all",
  search: "",
  tags: [],
  without: [],
  bucket: "",
  extension: "",
};

/** What is drawn over pictures. */
export interface OverPictures {
  readonly crop: boolean;
  /** "": none; "alpha"; else the folder of the masks. */
  readonly masks: string;
}

export interface FolderState {
  readonly path: string;
  readonly extension: string;
  readonly names: readonly string[];
  readonly counts: Counts | null;
  readonly steps: StepsTold;
  readonly items: ReadonlyMap<string, PictureItem>;
  readonly error: string | null;
  readonly loading: boolean;
  readonly wish: DatasetWish;
  setWish(change: Partial<DatasetWish>): void;
  readonly current: string | null;
  setCurrent(name: string | null): void;
  readonly chosen: ReadonlySet<string>;
  setChosen(names: Iterable<string>): void;
  /** Those chosen, or all that are shown. */
  readonly targets: readonly string[];
  readonly over: OverPictures;
  setOver(change: Partial<OverPictures>): void;
  readonly drafts: ReadonlyMap<string, Draft>;
  setDraft(name: string, draft: Draft | null): void;
  /** Asks for what is not known of these yet; `again` also for what is. */
  want(names: readonly string[], again?: boolean): void;
  /** Everything anew. */
  reload(): void;
  /** Writes a draft; false where somebody else has changed the caption, which the draft then tells. */
  save(name: string, draft?: Draft): Promise<boolean>;
  leaveOut(names: readonly string[], out: boolean): Promise<void>;
  /** How far a change of many captions is; null: none goes on. */
  readonly busy: number | null;
  change(path: string, body: Readonly<Record<string, unknown>>): Promise<MovedTold | null>;
}

/** Pictures that the server tells of at once. */
const MOST_ASKED = 400;

const NO_STEPS: StepsTold = { done: [], undone: [] };

export function useFolder(path: string): FolderState {
  const [told, setTold] = useState<NamesTold | null>(null), [error, setError] = useState<string | null>(null);
  const [loading, setLoading] = useState(true), [round, again] = useState(0);
  const [wish, setWish] = useState(EVERYTHING),
    [over, setOver] = useState<OverPictures>({
      crop: false,
      masks: "",
    });
  const [current, setCurrent] = useState<string | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [items, setItems] = useState<ReadonlyMap<string, PictureItem>>(new Map());
  const [drafts, setDrafts] = useState<ReadonlyMap<string, Draft>>(unsavedIn(path));
  const [busy, setBusy] = useState<number | null>(null);
  const asked = useRef(new Set<string>()), waiting = useRef(new Set<string>());
  const reload = useCallback(() => again((n) => n + 1), []);

  useEffect(() => {
    const controller = new AbortController(), { tags, without, ...rest } = wish;
    const query = new URLSearchParams([
      ...tags.map((tag) => ["tag", tag]),
      ...without.map((tag) => ["without", tag]),
    ]);
    const address = withQuery("/api/dataset/names", { folder: path, ...rest });
    setLoading(true);
    get<NamesTold>(`${address}&${query}`, {}, controller.signal).then((next) => {
      asked.current.clear();
      setTold(next);
      setItems(new Map());
      setError(null);
      setLoading(false);
      setCurrent((name) => name !== null && next.names.includes(name) ? name : next.names[0] ?? null);
      const there = new Set(next.names);
      setChosen((old) => new Set([...old].filter((name) => there.has(name))));
    }, (failed) => {
      if (controller.signal.aborted) return;
      setError(failed.message);
      setLoading(false);
    });
    return () => controller.abort();
  }, [path, wish, round]);

  const extension = told?.extension ?? "";
  const keepItems = (found: readonly PictureItem[]) =>
    setItems((old) => new Map([...old, ...found.map((item) => [item.name, item] as const)]));
  const want = useCallback((names: readonly string[], anew = false) => {
    const lacking = names.filter((name) => anew || !asked.current.has(name));
    if (lacking.length === 0 || extension === "") return;
    if (waiting.current.size === 0) {
      setTimeout(() => {
        const wanted = [...waiting.current];
        waiting.current.clear();
        for (let at = 0; at < wanted.length; at += MOST_ASKED) {
          const names = wanted.slice(at, at + MOST_ASKED);
          post<{ items: PictureItem[] }>("/api/dataset/items", { folder: path, extension, names }).then(
            ({ items }) => keepItems(items),
            tellError,
          );
        }
      }, 30);
    }
    for (const name of lacking) {
      asked.current.add(name);
      waiting.current.add(name);
    }
  }, [path, extension]);

  const setDraft = (name: string, draft: Draft | null) =>
    setDrafts((old) => {
      const next = new Map(old);
      if (draft) next.set(name, draft);
      else next.delete(name);
      keepUnsaved(path, next);
      return next;
    });

  const setSteps = (steps: StepsTold) => setTold((old) => old && { ...old, steps });

  const save = async (name: string, draft = drafts.get(name)) => {
    if (!draft) return true;
    const body = { folder: path, extension, name, text: draft.text, version: draft.version };
    try {
      const { item, steps } = await put<{ item: PictureItem; steps: StepsTold }>(
        "/api/dataset/caption",
        body,
      );
      const before = items.get(name);
      keepItems([item]);
      setSteps(steps);
      setDraft(name, null);
      if (before) setTold((old) => old && { ...old, counts: recounted(old.counts, before, item) });
      return true;
    } catch (failed) {
      if (!(failed instanceof ServerError && failed.status === 409)) throw failed;
      setDraft(name, { ...draft, conflict: failed.answer as ConflictTold });
      return false;
    }
  };

  const change = async (address: string, body: Readonly<Record<string, unknown>>) => {
    setBusy(0);
    try {
      const all = { folder: path, extension, ...body };
      const moved = await inLines<MovedTold>("POST", `/api/dataset/${address}`, all, setBusy);
      reload();
      return moved;
    } catch (failed) {
      tellError(failed);
      reload();
      return null;
    } finally {
      setBusy(null);
    }
  };

  const leaveOut = async (names: readonly string[], out: boolean) => {
    try {
      const body = { folder: path, extension, names, out };
      const { names: marked } = await put<{ names: string[] }>("/api/dataset/left_out", body);
      const isOut = new Set(marked);
      setItems((old) =>
        new Map([...old].map(([name, item]) => [name, { ...item, leftOut: isOut.has(name) }]))
      );
      setTold((old) => old && { ...old, counts: { ...old.counts, leftOut: marked.length } });
    } catch (failed) {
      tellError(failed);
    }
  };

  const names = told?.names ?? [];
  const targets = useMemo(
    () => chosen.size > 0 ? names.filter((name) => chosen.has(name)) : names,
    [names, chosen],
  );
  return {
    ...{ path, extension, names, counts: told?.counts ?? null, steps: told?.steps ?? NO_STEPS, items },
    ...{ error, loading, wish, current, setCurrent, chosen, targets, over, drafts, setDraft, want, reload },
    ...{ save, change, busy, leaveOut },
    setWish: (change) => setWish((old) => ({ ...old, ...change })),
    setChosen: (next) => setChosen(new Set(next)),
    setOver: (change) => setOver((old) => ({ ...old, ...change })),
  };
}

function recounted(counts: Counts, before: PictureItem, after: PictureItem): Counts {
  const by = (standing: string) => Number(after.standing === standing) - Number(before.standing === standing);
  return { ...counts, missing: counts.missing + by("missing"), empty: counts.empty + by("empty") };
}

/** Address of a picture's small copy, file or mask. */
export function pictureAddress(
  what: "thumbnail" | "picture" | "mask",
  folder: FolderState,
  item: PictureItem,
): string {
  const { masks } = folder.over,
    query = { folder: folder.path, name: item.name, v: `${item.mtime}-${item.bytes}` };
  if (what !== "mask") return withQuery(`/api/dataset/${what}`, query);
  return withQuery(
    "/api/dataset/mask",
    masks === "alpha" ? { ...query, shown: "alpha" } : { ...query, masks },
  );
}
