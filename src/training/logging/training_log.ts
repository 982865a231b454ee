/** TensorBoard events of a run, under sd-scripts' tags. */
import { join } from "node:path";
import { EventWriter, type HyperParameters, writeHyperParameters } from "../../formats/mod.ts";
import { stamp } from "../../generation/pictures/file_names.ts";
import type { NormReport } from "../../networks/mod.ts";
import type { OutputConfig } from "../options.ts";
import { readTrackerConfig } from "./tracker_config.ts";

export interface StepLog {
  readonly loss: number;
  readonly average: number;
  /** Group name -> rate. */
  readonly learningRates: ReadonlyMap<string, number>;
  /** With an optimizer that estimates the rate: its estimate times the rate. */
  readonly adaptedRates: ReadonlyMap<string, number> | null;
  readonly gradNorm: number | null;
  readonly norms?: NormReport;
}

/** sd-scripts' programs do not agree about tags. */
interface Tags {
  readonly loss: "loss" | "loss/current";
  /** What is trained has one rate, which goes by no name. */
  readonly oneRate?: true;
}

/** By the tracker, which sd-scripts' programs name. */
const TAGS = {
  network_train: { loss: "loss/current" },
  finetuning: { loss: "loss" },
  dreambooth: { loss: "loss" },
  textual_inversion: { loss: "loss", oneRate: true },
  controlnet_train: { loss: "loss/current", oneRate: true },
  sdxl_control_net_train: { loss: "loss/current", oneRate: true },
  lllite_control_net_train: { loss: "loss/current", oneRate: true },
} as const satisfies Readonly<Record<string, Tags>>;

export type Tracker = keyof typeof TAGS;

type LogConfig = Pick<OutputConfig, "loggingDir" | "logPrefix" | "logTrackerName" | "logTrackerConfig">;

export class TrainingLog {
  private constructor(private readonly writer: EventWriter, private readonly tags: Tags) {}

  /**
   * null without --logging_dir. `tracker` is the folder's name unless --log_tracker_name gives another; `options` are
   * shown beside the numbers.
   */
  static open(
    { loggingDir, logPrefix, logTrackerName, logTrackerConfig }: LogConfig,
    tracker: Tracker,
    options: HyperParameters | null,
  ): TrainingLog | null {
    if (loggingDir === null) return null;
    const run = `${logPrefix ?? ""}${stamp(new Date())}`,
      folder = join(loggingDir, run, logTrackerName ?? tracker);
    const writer = new EventWriter(folder, Date.now(), readTrackerConfig(logTrackerConfig));
    if (options) writeHyperParameters(folder, options);
    return new TrainingLog(writer, TAGS[tracker]);
  }

  step(globalStep: number, { loss, average, learningRates, adaptedRates, gradNorm, norms }: StepLog): void {
    const { tags } = this, part = (name: string) => tags.oneRate ? "" : `/${name}`;
    this.writer.scalar(tags.loss, loss, globalStep);
    this.writer.scalar("loss/average", average, globalStep);
    for (const [name, rate] of learningRates) this.writer.scalar(`lr${part(name)}`, rate, globalStep);
    for (const [name, rate] of adaptedRates ?? []) {
      this.writer.scalar(`lr/d*lr${part(name)}`, rate, globalStep);
    }
    if (gradNorm !== null) this.writer.scalar("grad_norm", gradNorm, globalStep);
    if (!norms) return;
    this.writer.scalar("max_norm/keys_scaled", norms.keysScaled, globalStep);
    this.writer.scalar("max_norm/average_key_norm", norms.meanNorm, globalStep);
    this.writer.scalar("max_norm/max_key_norm", norms.maximumNorm, globalStep);
  }

  /** `epoch` counts from 1. */
  epoch(epoch: number, average: number): void {
    this.writer.scalar("loss/epoch", average, epoch);
  }

  /** sd-scripts 0.10.1's tags; `at` is the step, or the epoch counted from 1. */
  validation(moment: "step" | "epoch", at: number, loss: number, divergence: number): void {
    this.writer.scalar(`loss/validation/${moment}_average`, loss, at);
    this.writer.scalar(`loss/validation/${moment}_divergence`, divergence, at);
  }

  close(): void {
    this.writer.close();
  }
}
