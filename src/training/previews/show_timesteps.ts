/** --show_timesteps: which timesteps a training would draw and what each counts in the loss, as lines or as a picture. */

import { join } from "node:path";
import { atomicWriteFile } from "../../base/files/atomic.ts";
import type { JobContext } from "../../base/job.ts";
import { TorchGenerator } from "../../random/mod.ts";
import { TIMESTEPS } from "../../models/noise/schedule.ts";
import { drawTimesteps } from "../objective/noise.ts";
import { lossWeights } from "../objective/loss_weights.ts";
import { noiseLevels } from "../objective/noise_levels.ts";
import type { StepConfig, TrainingConfig } from "../options.ts";

const DRAWS = 100_000, BARS = 20, WIDTH = TIMESTEPS / BARS;

/** Timesteps [from, from + WIDTH): their share of all draws, and the mean of the factors on the loss of these. */
export interface Bar {
  readonly from: number;
  readonly share: number;
  readonly weight: number;
}

/** What a training with these options draws, by a generator of its own. */
export function timestepBars(config: StepConfig, seed: number): Bar[] {
  const timesteps = drawTimesteps(config, DRAWS, new TorchGenerator(seed));
  const weights = lossWeights(config, noiseLevels(config.zeroTerminalSnr), timesteps, timesteps.map(() => 1));
  const count = new Float64Array(BARS), sum = new Float64Array(BARS);
  timesteps.forEach((t, i) => {
    const bar = Math.floor(t / WIDTH);
    count[bar]++;
    sum[bar] += weights[i];
  });
  return Array.from(count, (drawn, i) => ({
    from: i * WIDTH,
    share: drawn / DRAWS,
    weight: drawn === 0 ? 0 : sum[i] / drawn,
  }));
}

/** Prints a line for each bar, or writes OUTPUT_DIR/NAME_timesteps.svg. */
export function showTimesteps(config: TrainingConfig, context: JobContext): void {
  const seed = config.seed ?? crypto.getRandomValues(new Uint32Array(1))[0],
    bars = timestepBars(config, seed);
  if (config.showTimesteps === "console") {
    context.log("timesteps       share of draws                  factor on the loss");
    for (const line of lines(bars)) context.log(line);
  } else {
    const path = join(config.outputDir, `${config.outputName ?? "training"}_timesteps.svg`);
    atomicWriteFile(path, picture(bars));
    context.log(`wrote ${path}`);
  }
  context.log(`${DRAWS} draws with seed ${seed}; nothing is trained`);
}

const rangeOf = ({ from }: Bar) => `${from} to ${from + WIDTH - 1}`;
const percent = ({ share }: Bar) => `${(100 * share).toFixed(1)} %`;

function lines(bars: readonly Bar[]): string[] {
  const LONGEST = 20, most = (of: (bar: Bar) => number) => Math.max(...bars.map(of)) || 1;
  const bar = (value: number, of: number) => "#".repeat(Math.round(LONGEST * value / of)).padEnd(LONGEST);
  const [share, weight] = [most((b) => b.share), most((b) => b.weight)];
  return bars.map((b) =>
    `${rangeOf(b).padStart(10)}  ${percent(b).padStart(7)}  ${bar(b.share, share)}  ` +
    `${b.weight.toPrecision(3).padStart(8)}  ${bar(b.weight, weight)}`.trimEnd()
  );
}

/** Two panels of bars, one above the other. */
function picture(bars: readonly Bar[]): string {
  const STEP = 32, HEIGHT = 160, LEFT = 16, width = 2 * LEFT + BARS * STEP;
  const panel = (title: string, top: number, of: (bar: Bar) => number, label: (bar: Bar) => string) => {
    const most = Math.max(...bars.map(of)) || 1;
    const drawn = bars.map((bar, i) => {
      const height = HEIGHT * of(bar) / most, x = LEFT + i * STEP;
      return `<rect x="${x}" y="${(top + HEIGHT - height).toFixed(1)}" width="${STEP - 4}" height="${
        height.toFixed(1)
      }">` +
        `<title>${rangeOf(bar)}: ${label(bar)}</title></rect>` +
        `<text x="${x}" y="${top + HEIGHT + 14}">${bar.from}</text>`;
    });
    return [
      `<text x="${LEFT}" y="${top - 8}">${title}, at most ${
        label(bars.reduce((a, b) => of(b) > of(a) ? b : a))
      }</text>`,
      ...drawn,
    ];
  };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${2 * HEIGHT + 110}">`,
    "<style>text{font:11px sans-serif;fill:#333}rect{fill:#47a}</style>",
    '<rect width="100%" height="100%" style="fill:#fff"/>',
    ...panel("share of draws by timestep", 30, (bar) => bar.share, percent),
    ...panel(
      "factor on the loss by timestep",
      HEIGHT + 80,
      (bar) => bar.weight,
      ({ weight }) => weight.toPrecision(3),
    ),
    "</svg>",
    "",
  ].join("\n");
}
