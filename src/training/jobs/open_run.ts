/** What every diffusion training job opens alike: images, model file, device, latents, captions. */
import { modelPath } from "../../base/assets.ts";
import { UsageError } from "../../base/errors.ts";
import type { JobContext } from "../../base/job.ts";
import {
  createDatasetGroup,
  type DatasetGroup,
  describeDatasets,
  planDatasets,
  type Supports,
} from "../../data/mod.ts";
import {
  buildingDraws,
  checkFlags,
  isInpainting,
  type ModelFile,
  openModel,
  partsOf,
} from "../../models/mod.ts";
import { type Device, openChosenDevice, ParameterStore } from "../../runtime/mod.ts";
import type { Group } from "../../options/mod.ts";
import { type TrainingConfig, trainingGroups } from "../options.ts";
import { checkSteps } from "../step/check_steps.ts";
import { type RunGenerators, runGenerators } from "../objective/generators.ts";
import { beginning } from "../loop/beginning.ts";
import { type RunLength, runLength } from "../loop/run_length.ts";
import { loggedOptions, loggingNotes } from "../logging/logged_options.ts";
import { sampleNotes } from "../loop/sample_occasions.ts";
import { SamplePictures, sampleSize } from "../loop/samples.ts";
import { Validation } from "../validation/validation.ts";
import {
  describeSettings,
  readStateFile,
  refuseOthers,
  type RunSettings,
  type RunState,
} from "../state/mod.ts";
import type { Session, TrainingRun } from "./training_run.ts";

/** A run without what is trained. */
export interface OpenedRun {
  readonly seed: number;
  readonly session: Session;
  /** What a state remembers, to be compared when a run goes on from it. */
  readonly settings: RunSettings;
  readonly logged: TrainingRun["logged"];
  readonly generators: RunGenerators;
  readonly group: DatasetGroup;
  readonly samples: SamplePictures | null;
  readonly validation: Validation | null;
  readonly length: RunLength;
  readonly file: ModelFile;
  readonly device: Device;
  readonly store: ParameterStore;
  close(): void;
}

export interface RunOptions {
  /** The options of the command. */
  readonly groups?: readonly Group[];
  /** Whether a network is drawn from the seed. */
  readonly newNetwork?: boolean;
  /** Flags that tell the model's family, as the command itself says. */
  readonly told?: Readonly<Record<string, boolean>>;
  /** A model that is no inpainting model is made one by --train_inpainting. */
  readonly widens?: boolean;
  /** Which datasets the command trains on, where they are not the usual ones. */
  readonly supports?: Supports;
  /** See DatasetOptions. */
  readonly captionsUnread?: boolean;
}

/** Finds the images, tells what was found, opens the model. Throws UserError before anything is computed. */
export async function openRun(
  config: TrainingConfig,
  context: JobContext,
  { groups = trainingGroups, newNetwork = false, told = {}, widens = false, supports, captionsUnread }:
    RunOptions = {},
): Promise<OpenedRun> {
  checkSteps(config);
  const resumed = config.resume === null ? null : readStateFile(config.resume);
  const seed = config.seed ?? resumed?.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  const generators = runGenerators(seed, config, newNetwork);
  const plans = planDatasets(config, supports);
  const group = await createDatasetGroup(plans, generators.python, {
    compat: config.compat !== null,
    split: { part: "training", seed: config.validationSeed ?? seed },
    captionsUnread,
  });
  for (const line of describeDatasets(group)) context.log(line);
  const validation = await Validation.open(config, plans, group, seed, context);
  const inpainting = config.trainInpainting && (widens ? "made" : true);
  const path = modelPath(config.pretrainedModelNameOrPath);
  const file = openModel(path, { ...partsOf(config), inpainting });
  try {
    if (inpainting) checkInpainting(file);
    checkFlags(file.family, { v2: config.v2 }, file.path);
    checkFlags(file.family, told, file.path, { command: true });
    if (config.weightedCaptions && !file.family.text.weightedCaptions) {
      throw new UsageError(
        `${file.path}: is ${file.family.label}, whose captions take no weights; leave --weighted_captions away`,
      );
    }
    const samples = SamplePictures.open(config, sampleSize(group, config), file.family, context);
    const length = runLength(config, group);
    beginning(config, length); // what leaves nothing to train is refused now
    for (const note of [...sampleNotes(config, length), ...loggingNotes(config)]) context.warn(note);
    const settings = describeSettings(config, groups, { seed, length, group });
    if (resumed) refuseOthers(config.resume!, resumed, settings);
    const { threads, vramBudget, noVendorLibs } = config;
    const device = openChosenDevice(
      config.device,
      { threads, limitBytes: vramBudget ?? undefined, noVendorLibs },
      context.log,
    );
    const store = new ParameterStore(device);
    const close = () => {
      store.destroy();
      device.close();
      file.close();
    };
    const session = sessionOf(resumed);
    if (config.compat !== null && config.generator === null && !newNetwork) {
      context.log(
        "latents and epochs each draw from the seed; --generator one draws on after the model is built, as sd-scripts 0.9.1 does",
      );
    }
    generators.built(buildingDraws(file, config.vae !== null));
    return {
      seed,
      session,
      settings,
      logged: config.logConfig ? loggedOptions(config, groups) : null,
      generators,
      group,
      samples,
      validation,
      length,
      file,
      device,
      store,
      close,
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Throws UsageError unless the model takes a mask: a network cannot teach one to. */
function checkInpainting({ path, family, shapes }: ModelFile): void {
  if (isInpainting(shapes, family)) return;
  throw new UsageError(
    `${path}: is ${family.label} and no inpainting model, which --train_inpainting wants; give one, or make one of it ` +
      "first: the trainings of whole models do",
  );
}

/** Closes the run where `work` throws. */
export function closingOnError<T>(opened: OpenedRun, work: () => T): T {
  try {
    return work();
  } catch (error) {
    opened.close();
    throw error;
  }
}

function sessionOf(resumed: RunState | null): Session {
  return {
    sessionId: resumed?.sessionId ?? crypto.getRandomValues(new Uint32Array(1))[0],
    startedAt: resumed?.startedAt ?? Date.now() / 1000,
  };
}
