/** What a command would take, asked of `easel plan` as another process: one at a time, for only the last question counts. */

import { eventOf } from "../queue/told.ts";
import { Refused, type Studio } from "../studio.ts";

export interface Planned {
  /** The event "plan" of docs/automation.md. */
  readonly plan: Readonly<Record<string, unknown>> | null;
  /** Why there is none, in one line: what is wrong, or what would fit. */
  readonly error: string | null;
  /** What it said besides, such as that checkpointing was turned on. */
  readonly notes: readonly string[];
}

const asking = new WeakMap<Studio, AbortController>();

/** Kills what was asked before. Throws Refused (409) where a later question, or the end of `signal`, kills this one. */
export async function planOf(
  studio: Studio,
  { command, args }: { command: string; args: readonly string[] },
  signal: AbortSignal,
): Promise<Planned> {
  asking.get(studio)?.abort();
  const outdated = new AbortController();
  asking.set(studio, outdated);
  const ended = AbortSignal.any([outdated.signal, signal, studio.signal]);
  const refused = () => new Refused(409, "another plan was asked for");
  if (ended.aborted) throw refused();
  const [program, ...words] = [...studio.launch, "plan", command, ...args, "--json"];
  const child = new Deno.Command(program, {
    args: words,
    cwd: studio.folders.roots[0],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // nothing is written by a plan, so nothing has to be put away
  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch { /* it has ended */ }
  };
  ended.addEventListener("abort", kill, { once: true });
  const { stdout, stderr } = await child.output();
  ended.removeEventListener("abort", kill);
  if (ended.aborted) throw refused();
  if (asking.get(studio) === outdated) asking.delete(studio);
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return readAnswer(text(stdout), text(stderr));
}

/** The events on standard output; what stands on standard error only where they say nothing. */
export function readAnswer(stdout: string, stderr: string): Planned {
  const events = stdout.split("\n").map(eventOf).filter((event) => event !== null);
  const of = (name: string) => events.filter(({ event }) => event === name);
  const plan = of("plan").at(-1) ?? null;
  const lines = stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const said = of("error").at(-1)?.message;
  const error = typeof said === "string" ? said : plan ? null : lines.at(-1) ?? "easel plan said nothing";
  const notes = [...of("log"), ...of("warning")].map(({ message }) => String(message));
  return {
    plan,
    error,
    notes: notes.length ? notes : lines.filter((line) => !line.startsWith("easel plan")),
  };
}
