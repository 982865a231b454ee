/** The JobContext of a run from the command line: log lines, progress, Ctrl-C. */

import { removeUnfinished } from "../../base/files/temporary.ts";
import { Interrupted, UserError } from "../../base/errors.ts";
import type { Dialogue, JobContext } from "../../base/job.ts";
import { inputLines } from "./dialogue.ts";
import type { EventPrinter } from "./events.ts";
import { exitNow } from "../../../ffi/exit.ts";
import { ProgressPrinter } from "./progress.ts";
import { stopSignals } from "./signals.ts";
import { wouldWait } from "../../base/files/regular_file.ts";
import { hearWishes } from "./wishes.ts";
import { oneLine } from "./screen.ts";

const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const;
export type LogLevel = typeof LEVELS[number];

export interface LogOptions {
  /** Lines below this are not shown; default INFO. */
  readonly level?: LogLevel | null;
  /** Lines go to this file instead of standard error. */
  readonly file?: string | null;
  /** Where --json prints to; null without it. */
  readonly events?: EventPrinter | null;
  /** What the first signal is answered with. */
  readonly stopping?: string;
}

export interface RunningContext extends JobContext {
  /** Ends the progress bar and stops listening to signals. */
  close(): void;
}

/** The first SIGINT, SIGTERM or SIGHUP aborts the signal (a SIGINT only what goes on apart), the second removes unfinished files and ends the process. */
export function openContext(options: LogOptions = {}): RunningContext {
  const controller = new AbortController();
  const progress = new ProgressPrinter();
  const least = LEVELS.indexOf(options.level ?? "INFO");
  const write = lineWriter(options.file ?? null, progress);
  let apart: AbortController | null = null, asking = false;
  const stop = (signal: Deno.Signal) => {
    if (signal === "SIGINT" && !apart && asking) return; // meant what has just come to its end
    if (signal === "SIGINT" && apart && !apart.signal.aborted) {
      apart.abort(new Interrupted("interrupted"));
      progress.line("stopping this picture; press Ctrl-C again to end");
      return;
    }
    if (controller.signal.aborted) {
      removeUnfinished();
      options.events?.error(controller.signal.reason, "stopped at once by a second signal");
      exitNow(130);
    }
    controller.abort(new Interrupted("interrupted"));
    progress.line(
      `${options.stopping ?? "stopping after this step and saving"}; press Ctrl-C again to stop at once`,
    );
  };
  const signals = stopSignals();
  const listeners = signals.map((signal) => ({ signal, hear: () => stop(signal) }));
  for (const { signal, hear } of listeners) Deno.addSignalListener(signal, hear);
  const wishes = hearWishes();
  const resized = () => progress.resize();
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGWINCH", resized);
  const dialogue: Dialogue = {
    typed: Deno.stdin.isTerminal(),
    async *lines(prompt) {
      asking = this.typed;
      const say = (line: string) => progress.line(line);
      try {
        yield* inputLines(prompt, { typed: this.typed, signal: controller.signal, say });
      } finally {
        asking = false;
      }
    },
    async apart(run) {
      apart = new AbortController();
      try {
        return await run(AbortSignal.any([controller.signal, apart.signal]));
      } finally {
        apart = null;
        progress.finish();
      }
    },
  };
  return {
    signal: controller.signal,
    wishes,
    dialogue,
    log: (line) => least <= 1 && write(line),
    warn: (line) => least <= 2 && write(`warning: ${line}`),
    progress(event) {
      progress.update(event);
      options.events?.progress(event);
    },
    emit: (event) => options.events?.emit(event),
    close() {
      progress.finish();
      wishes.close();
      for (const { signal, hear } of listeners) Deno.removeSignalListener(signal, hear);
      if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGWINCH", resized);
    },
  };
}

function lineWriter(file: string | null, progress: ProgressPrinter): (line: string) => void {
  if (file === null) return (line) => progress.line(line);
  if (wouldWait(file)) throw new UserError(`${file}: is a pipe, --console_log_file names a file`);
  try {
    Deno.writeTextFileSync(file, "");
  } catch (cause) {
    throw new UserError(
      `${file}: cannot be written (${(cause as Error).message}); give --console_log_file another path`,
      {
        cause,
      },
    );
  }
  let broken = false;
  return (line) => {
    if (broken) return;
    try {
      Deno.writeTextFileSync(file, oneLine(line) + "\n", { append: true });
    } catch (cause) { // it describes the work and must not end it
      broken = true;
      const reason = (cause as Error).message;
      progress.line(`warning: ${file}: cannot be written any more (${reason}); the work goes on without it`);
    }
  };
}
