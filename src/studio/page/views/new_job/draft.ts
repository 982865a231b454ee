/** The form on the page: what it holds, and what the server says of it. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Draft } from "../../../form/draft.ts";
import type { Form } from "../../../form/form.ts";
import type { Problem } from "../../../form/problems.ts";
import { keptByTab } from "../../kept.ts";
import { go } from "../../router.ts";
import { post } from "../../server.ts";

export type { Draft, Problem };
export type Texts = Draft["values"][string];

/** A draft in its three views, with what stands in the way of a start. */
export interface Reading {
  readonly command: string;
  readonly draft: Draft;
  readonly toml: string;
  readonly line: string;
  readonly args: readonly string[];
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
}

export const EMPTY: Draft = { values: {}, unknown: {}, positionals: [] };

/** Nobody has filled in anything yet, so that nothing is wrong with it: it is only not done. */
export const isUntouched = ({ values, unknown, positionals }: Draft): boolean =>
  Object.keys(values).length + Object.keys(unknown).length + positionals.length === 0;

/** What is wrong with a field. */
export function problemOf({ reading, draft }: Editing, name: string): Problem | null {
  const found = reading?.problems.find(({ fields }) => fields.includes(name)) ?? null;
  return found?.missing && isUntouched(draft) ? null : found;
}

interface Working {
  readonly last: string | null;
  readonly drafts: readonly (readonly [command: string, draft: Draft])[];
}

/** The drafts that are worked on, by command, so that a look at another view, or loading the page anew, loses nothing. */
const working = new Map<string, Draft>();
let last: string | null = null;
const before = keptByTab<Working>("forms", () => ({
  last,
  drafts: [...working].map(([command, draft]) => [command, withoutSecrets(draft)]),
}));
for (const [command, draft] of before?.drafts ?? []) setWorking(command, draft);
last = before?.last ?? null;

/** Names of flags whose values a browser's disk must not hold. */
const secrets = new Set<string>();

export function addSecrets({ groups }: Form): void {
  for (const { name, secret } of groups.flatMap(({ fields }) => fields)) if (secret) secrets.add(name);
}

/** What is unknown may be another command's key. */
export function withoutSecrets(draft: Draft): Draft {
  const values = Object.entries(draft.values).filter(([name]) => !secrets.has(name));
  return { ...draft, values: Object.fromEntries(values), unknown: {} };
}

export const lastCommand = () => last;

export const workingDraft = (command: string): Draft => working.get(command) ?? EMPTY;

/** The form of `command` from now on. */
export function setWorking(command: string, draft: Draft): void {
  working.set(command, draft);
  last = command;
}

/** Flags that say which pictures are learned from. */
const PICTURES = ["train_data_dir", "dataset_config", "in_json"];

/** The form of the training that was worked on last, or of a LoRA, for these pictures; what else it holds stays. */
export function trainOn(values: Readonly<Record<string, string>>): void {
  const command = last !== null && /train|fine_tune/.test(last) ? last : "train_network";
  const draft = workingDraft(command);
  const others = Object.entries(draft.values).filter(([name]) => !PICTURES.includes(name));
  setWorking(command, { ...draft, values: { ...Object.fromEntries(others), ...values } });
  go("new", command);
}

/** While somebody types: long enough for a word. */
const PAUSE = 200;

type Edited = { readonly draft: Draft } | { readonly toml: string } | { readonly line: string };

export interface Editing {
  readonly draft: Draft;
  /** The last that was read; of a draft that may be older by a word. */
  readonly reading: Reading | null;
  /** Why a view that was edited cannot be read, by its name. */
  readonly errors: { readonly draft?: string; readonly toml?: string; readonly line?: string };
  /** Whether the reading is of the draft as it is now. */
  readonly settled: boolean;
  /** A flag's value; undefined: not given. */
  set(name: string, value: Texts | undefined): void;
  change(draft: Draft): void;
  edit(view: "toml" | "line", text: string): void;
}

/** `moved` hears of a line that names another command. */
export function useDraft(command: string, moved: (command: string) => void): Editing {
  const first = workingDraft(command);
  const [draft, setDraft] = useState<Draft>(first), [reading, setReading] = useState<Reading | null>(null);
  const [errors, setErrors] = useState<Editing["errors"]>({}), [settled, setSettled] = useState(false);
  const asked = useRef(0), timer = useRef(0);
  const ask = (edited: Edited, before: Draft) => {
    const mine = ++asked.current, view = Object.keys(edited)[0];
    setSettled(false);
    clearTimeout(timer.current);
    timer.current = setTimeout(async () => {
      try {
        const read = await post<Reading>(`/api/form/${command}`, { ...edited, before });
        if (mine !== asked.current) return;
        setWorking(read.command, read.draft);
        if (read.command !== command) return moved(read.command);
        setDraft(read.draft);
        setReading(read);
        setErrors({});
        setSettled(true);
      } catch (error) {
        if (mine === asked.current) setErrors({ [view]: (error as Error).message });
      }
    }, PAUSE) as unknown as number;
  };
  const change = (next: Draft) => {
    setDraft(next);
    setWorking(command, next);
    ask({ draft: next }, next);
  };
  useEffect(() => {
    change(first);
    return () => {
      asked.current++;
      clearTimeout(timer.current);
    };
  }, []);
  return {
    ...{ draft, reading, errors, settled, change },
    set(name, value) {
      const { [name]: _, ...others } = draft.values;
      change({ ...draft, values: value === undefined ? others : { ...draft.values, [name]: value } });
    },
    edit: (view, text) => ask({ [view]: text } as unknown as Edited, draft),
  };
}
