/**
 * run.ts: a LoRA of the built-in model, from the command line to its file in this process: how long all of it takes, and
 * how much of the steps' time no program was running: what the host does between them.
 */

import { fact } from "./facts.ts";
import { tiny } from "./options.ts";

const STEPS = tiny ? 4 : 100;
const COUNTED = Math.floor(0.9 * STEPS);
/** Begin and end of each program's run. */
const runs: [began: number, ended: number][] = [];

/** Counts the time in which the library runs a program, whichever part of easel asked for it. */
const open = Deno.dlopen;
Object.defineProperty(Deno, "dlopen", {
  value: (...args: Parameters<typeof open>) => {
    const library = open(...args), symbols = { ...library.symbols } as Record<string, unknown>;
    const run = symbols.easel_program_run as ((...args: unknown[]) => Promise<unknown>) | undefined;
    if (!run) return library;
    symbols.easel_program_run = async (...args: unknown[]) => {
      const began = performance.now(), status = await run(...args);
      runs.push([began, performance.now()]);
      return status;
    };
    return { symbols, close: () => library.close() };
  },
});

const { runProgram } = await import("../../src/cli/front/program.ts");
const dir = Deno.makeTempDirSync(), began = performance.now();
const pictures = decodeURIComponent(new URL("../../assets/demo", import.meta.url).pathname);
const status = await runProgram([
  ...["train_network", "--pretrained_model_name_or_path", "builtin:tiny", "--train_data_dir", pictures],
  ...["--output_dir", dir, "--network_module", "networks.lora", "--network_dim", "8", "--resolution", "128"],
  ...["--learning_rate", "1e-3", "--max_train_steps", String(STEPS), "--seed", "1"],
  ...["--caption_extension", ".txt", "--cache_latents"],
]);
const took = performance.now() - began;
// a step is a run forward and backward and one of the optimizer; the last two prove the weights before they are saved
const steps = runs.slice(-2 * COUNTED - 2, -2), whole = steps.at(-1)![1] - steps[0][0];
const busy = steps.reduce((sum, [began, ended]) => sum + ended - began, 0);
fact("cpu.tiny.run.median", took, `ms for ${STEPS} steps`);
fact("cpu.tiny.run.slowest", took, "ms");
fact("cpu.tiny.run.step", whole / COUNTED, "ms, the last nine tenths of them");
fact("cpu.tiny.run.host", (whole - busy) / COUNTED, "ms a step in which no program runs");
Deno.removeSync(dir, { recursive: true });
Deno.exit(status);
