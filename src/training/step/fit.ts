/**
 * Memory, settled before the first step: gradient checkpointing where it is needed, and a clear end where it does not
 * help.
 */
import { bytesText } from "../../base/bytes.ts";
import { UserError } from "../../base/errors.ts";
import { counted } from "../../base/phrases.ts";
import { memoryNeeded } from "../../graph/mod.ts";
import { Arena, type Device, type ParameterStore } from "../../runtime/mod.ts";
import type { MixedPrecision } from "../options.ts";
import type { TrainingStep } from "./step.ts";
import { UPDATE } from "./recorded/update.ts";

/** Scratch and repacked weights, which only the backend knows: 3 % of a step of SD1.5 on the CPU. */
const MARGIN = 1.05, MARGIN_BYTES = 32 << 20;

/** Memory of programs: the arena, and parameters that are not on the device yet. */
export interface Need {
  readonly arenaBytes: number;
  readonly missingBytes: number;
}

/** Of all programs together, with the margin; the arena that each shape wants; parameters that are not there yet. */
interface ProgramsNeed {
  readonly bytes: number;
  readonly arenas: readonly number[];
  readonly missing: number;
}

/** What else runs between steps and must have room. */
type Beside = Readonly<Record<"held" | "encoding", Need | null>>;

export interface FitOptions {
  readonly mixedPrecision: MixedPrecision;
  /** What is drawn between steps, in the same arena. */
  readonly samples?: Need | null;
  /** What is validated with between steps, in the same arena: a training without room for it does not start. */
  readonly held?: Need | null;
  /** What pictures are encoded with between steps, in the same arena, whose parameters no step needs. */
  readonly encoding?: Need | null;
  readonly log: (line: string) => void;
  readonly warn?: (line: string) => void;
}

/**
 * Makes the programs of the given shapes, largest first, so that all that come later run in their memory. Where memory is
 * short step.recompute has as much computed again as makes them fit, and no more; where there is a --vram_budget that has
 * room for more than all of it, --gradient_checkpointing means the same. Both are told to `log`. Throws UserError before
 * anything is read when memory is short even so, with what would fit. Sample pictures that do not fit are told and end
 * nothing. Gives the arena, taken before the steps' own so that these run in it too, that pictures drawn or encoded or a
 * validation larger than a step need, to be released at the end; null where the steps' is enough.
 */
export async function fitMemory<Shape extends { readonly batch: number }>(
  step: TrainingStep<Shape>,
  store: ParameterStore,
  shapes: readonly Shape[],
  { mixedPrecision, samples = null, held = null, encoding = null, log, warn = log }: FitOptions,
): Promise<Arena | null> {
  const { free, withSwap } = store.device.room(), beside = { held, encoding };
  const need = chooseSegments(step, store, shapes, { free, beside, log });
  if (need.bytes > withSwap) {
    const needed = (all: readonly Shape[]) => needOf(step, store, all, beside).bytes;
    const bf16 = mixedPrecision === "no" && halvesBf16(store.device);
    throw new UserError(shortage(need.bytes, withSwap, shapes, needed, bf16));
  }
  const { arenas } = need;
  const drawing = samples === null ? 0 : roomForSamples(need, samples, withSwap, warn);
  const between = Math.max(drawing, held?.arenaBytes ?? 0, encoding?.arenaBytes ?? 0);
  const larger = between > Math.max(...arenas) ? Arena.take(store.device, between) : null;
  const sorted = shapes.map((_, i) => i).sort((a, b) => arenas[b] - arenas[a]);
  try {
    for (const i of sorted) await step.program(shapes[i]);
  } catch (error) {
    larger?.release();
    throw error;
  }
  return larger;
}

/** Settles what is computed again, and gives what the programs need then. */
function chooseSegments<Shape extends { readonly batch: number }>(
  step: TrainingStep<Shape>,
  store: ParameterStore,
  shapes: readonly Shape[],
  { free, beside, log }: { free: number; beside: Beside; log: (line: string) => void },
): ProgramsNeed {
  const asked = step.recompute, need = needOf(step, store, shapes, beside), fits = need.bytes <= free;
  const chooses = asked === "none" ? !fits : fits && Number.isFinite(store.device.limitBytes);
  if (!chooses) return need;
  step.recompute = { within: Math.max(0, (free - MARGIN_BYTES) / MARGIN - need.missing) };
  const chosen = needOf(step, store, shapes, beside);
  if (asked === "none" && chosen.bytes >= need.bytes) {
    step.recompute = asked; // nothing of this model can be computed again
    return need;
  }
  const again = shapes.map((shape) => step.recomputed(shape)!).reduce((a, b) => b.flop > a.flop ? b : a);
  const told = `${again.segments.size} of ${counted(again.of, "segment")} ${
    again.segments.size === 1 ? "is" : "are"
  } computed again`;
  log(
    asked === "none"
      ? `gradient checkpointing is turned on: without it ${bytesText(need.bytes)} are needed, ${
        bytesText(free)
      } can be had; ${told}`
      : `gradient checkpointing: ${told}, for the others there is room`,
  );
  return chosen;
}

/** The arena that pictures take; 0 where there is no room for it, which is told. */
function roomForSamples(
  steps: ProgramsNeed,
  samples: Need,
  room: number,
  warn: (line: string) => void,
): number {
  const largest = Math.max(...steps.arenas), more = Math.max(0, samples.arenaBytes - largest);
  const bytes = steps.bytes + (more + samples.missingBytes) * MARGIN;
  if (bytes > room) {
    warn(
      `training and sample pictures together need ${bytesText(bytes)} more memory and ${
        bytesText(room)
      } can be had; pictures may fail, smaller ones (--w, --h) need less`,
    );
    return 0;
  }
  return samples.arenaBytes;
}

function needOf<Shape extends object>(
  step: TrainingStep<Shape>,
  store: ParameterStore,
  shapes: readonly Shape[],
  { held, encoding }: Beside,
): ProgramsNeed {
  const needs = shapes.map((shape) =>
    memoryNeeded(step.recordBackward(shape), store, step.compileOptions(shape))
  );
  const arenas = needs.map(({ arenaBytes }) => arenaBytes);
  const update = step.options.fused ? 0 : memoryNeeded(step.recordUpdate(), store, UPDATE).arenaBytes;
  const arena = Math.max(...arenas, update, held?.arenaBytes ?? 0, encoding?.arenaBytes ?? 0);
  const missing = Math.max(...needs.map(({ missingBytes }) => missingBytes), held?.missingBytes ?? 0) +
    (encoding?.missingBytes ?? 0);
  return { bytes: (arena + missing) * MARGIN + MARGIN_BYTES, arenas, missing };
}

/** Processors without AVX-512 compute bf16 in float32, and hold frozen weights in both. */
function halvesBf16(device: Device): boolean {
  const { backend, features } = device.info();
  return backend !== "cpu" || features!.avx512;
}

function shortage<Shape extends { readonly batch: number }>(
  bytes: number,
  room: number,
  shapes: readonly Shape[],
  needed: (shapes: readonly Shape[]) => number,
  bf16: boolean,
): string {
  const atMost = (batch: number) => shapes.map((s) => ({ ...s, batch: Math.min(s.batch, batch) }));
  const batch = Math.max(...shapes.map((s) => s.batch));
  let fitting = batch >> 1;
  while (fitting > 0 && needed(atMost(fitting)) > room) fitting >>= 1;
  const advice = fitting > 0
    ? `--train_batch_size ${fitting} would fit`
    : `lower --resolution${bf16 ? " or use --mixed_precision bf16" : ""}`;
  return `training needs ${bytesText(bytes)} more memory and ${
    bytesText(Math.max(0, room))
  } can be had; ${advice}`;
}
