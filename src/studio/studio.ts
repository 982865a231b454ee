/** What the rooms of the studio share: the folders and commands they work on, and what a route is. */

import type { Group } from "../options/mod.ts";
import type { OptionNeed } from "../options/job.ts";

/** A command as a form needs it; the command line gives the table, for it lies above this room. */
export interface StudioCommand {
  readonly name: string;
  readonly summary: string;
  readonly groups: readonly Group[];
  readonly positionals: readonly string[];
  readonly required: readonly OptionNeed[];
  readonly usual: readonly string[];
  readonly about: string;
  /** Whether `easel plan` tells what it would take. */
  readonly plans: boolean;
  /**
   * What the command line checks before a run: values, contradictions, missing files. Gives lines about what has no effect;
   * throws UserError for the first thing that is wrong.
   */
  check(words: readonly string[]): readonly string[];
}

export interface Catalogue {
  /** Names and summaries, in the order of the help; loads nothing. */
  readonly names: readonly { readonly name: string; readonly summary: string }[];
  /** Throws UserError for a name that there is not. */
  load(name: string): Promise<StudioCommand>;
}

export interface Folders {
  /** As the user named them at the start or confirmed since, as real paths. */
  readonly roots: readonly string[];
  /** The real path of what lies in one of them, or would; throws Refused (403) for any other, links out of them included. */
  inside(path: string): string;
  /** The user names one more; its real path. Throws Refused (400) where there is no such folder. */
  confirm(path: string): string;
  /** Of the roots those that were confirmed; they are kept for the next start. */
  readonly confirmed: readonly string[];
  /** The user takes a confirmed one back. Throws Refused (400) where it is none. */
  forget(path: string): void;
}

/** What routes answer from; one for each server. */
export interface Studio {
  /** The queue, settings and undo steps are kept here: `.easel` in the first folder, or --state. */
  readonly home: string;
  readonly folders: Folders;
  readonly catalogue: Catalogue;
  /** The words that start this easel as another process: the executable, or Deno with main.ts. */
  readonly launch: readonly string[];
  /** Aborted when the server ends. */
  readonly signal: AbortSignal;
}

/** A request that has passed the guard: its token, host, origin and size are right. */
export interface Asked {
  readonly url: URL;
  /** Of `:name` in the route's path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly request: Request;
  /** The body as a JSON object or array; throws Refused (400) where it is none, (413) where it is too long. */
  json(): Promise<unknown>;
  /** The body as it is; throws Refused (413) where it is longer than `most` bytes. */
  bytes(most: number): Promise<Uint8Array<ArrayBuffer>>;
  /** The same, a piece at a time. */
  pieces(most: number): AsyncIterable<Uint8Array>;
}

/** What a page may listen to: "queue", or with something behind a colon, as "log:ID", which is the argument. */
export interface Topic {
  readonly name: string;
  /** Sends what there is now and then each change, until the function that it gives is called. */
  watch(send: (data: unknown) => void, studio: Studio, argument: string): () => void;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** "/api/jobs/:id" */
  readonly path: string;
  answer(asked: Asked, studio: Studio): Response | Promise<Response>;
}

/** What is not done, with the status and one line for the page. */
export class Refused extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}
