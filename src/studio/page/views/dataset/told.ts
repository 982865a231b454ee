/** What the server tells of a dataset, and asking for what takes a while. */

import type { Counts, StepsTold } from "../../../dataset/shown.ts";
import { ServerError } from "../../server.ts";
import { said } from "../../words/mod.ts";
import { parts } from "../../words/parts.ts";

export type * from "../../../dataset/shown.ts";

export interface NamesTold {
  readonly folder: string;
  readonly extension: string;
  readonly names: readonly string[];
  readonly counts: Counts;
  readonly steps: StepsTold;
}

/** How far it is, of 1. */
type Progress = (share: number) => void;

/** The last line of an answer that comes line by line; `progress` hears of the others. Throws ServerError. */
export async function inLines<T>(
  method: "GET" | "POST",
  path: string,
  body: unknown,
  progress: Progress,
  signal?: AbortSignal,
): Promise<T> {
  const answer = await fetch(path, {
    method,
    signal,
    ...body !== undefined && { body: JSON.stringify(body), headers: { "content-type": "application/json" } },
  }).catch((cause) => {
    if (signal?.aborted) throw cause;
    throw new ServerError(0, said(parts).noServer);
  });
  let rest = "", last: Record<string, unknown> = {};
  for await (const text of answer.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      last = JSON.parse(line);
      if (typeof last.done === "number") progress(last.done / Number(last.total));
    }
  }
  if (rest.trim() !== "") last = JSON.parse(rest);
  if (typeof last.error === "string") throw new ServerError(answer.status, last.error);
  return last as T;
}
