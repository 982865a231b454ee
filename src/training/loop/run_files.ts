/** What a run leaves on the disk: models and states after epochs and steps, the old ones removed. */
import { dirname, join } from "node:path";
import type { JobContext } from "../../base/job.ts";
import { removeFolder } from "../../base/files/whole_folder.ts";
import { Uploads } from "../../hub/mod.ts";
import { formEnding, isFolderForm, MODEL_FOLDERS } from "../../models/mod.ts";
import type { OutputConfig } from "../options.ts";
import { type Moment, savedAs, saveName, staleSave, staleState, stateName } from "./save_names.ts";
import { removeState } from "../state/mod.ts";

export interface RunWriters {
  /** Writes the model as a file. */
  readonly model: (path: string, steps: number, epoch: number) => void;
  readonly state: (path: string) => void;
}

export class RunFiles {
  /** Saved by this run, the latest of each. */
  #model: string | null = null;
  #state: string | null = null;
  readonly #uploads: Uploads | null;

  constructor(
    private readonly config: OutputConfig,
    private readonly writers: RunWriters,
    private readonly context: JobContext,
  ) {
    this.#uploads = Uploads.open(config, context);
  }

  /** Saves the model for a moment, then its state if wanted, then removes what has become old. */
  save(moment: Moment, steps: number, epoch: number, withState: boolean): void {
    const path = this.model(moment, steps, epoch);
    this.#uploads?.add(path);
    const old = staleSave(this.config, moment);
    if (old) this.#remove(join(this.config.outputDir, this.#name(old)));
    if (withState) {
      const state = this.state(moment, steps);
      if (this.config.saveStateToHuggingface) this.#uploads?.add(state);
    }
    this.context.log(`saved ${path}${withState ? " and its state" : ""}`);
  }

  /** Waits for uploads, as --async_upload says; at the end always. Those that fail are told. */
  async uploaded(atEnd: boolean): Promise<void> {
    await this.#uploads?.settle(atEnd);
  }

  /** Returns the file's path. */
  model(moment: Moment, steps: number, epoch: number): string {
    const path = this.#path(this.#name(moment));
    this.writers.model(path, steps, epoch);
    this.context.emit({ event: "save", what: "model", path, step: steps });
    this.#model = path;
    return path;
  }

  /** Returns the folder's path. */
  state(moment: Moment, steps: number): string {
    const path = this.#path(stateName(this.config, moment));
    this.writers.state(path);
    this.context.emit({ event: "save", what: "state", path, step: steps });
    this.#state = path;
    const old = staleState(this.config, moment);
    if (old) removeState(join(this.config.outputDir, stateName(this.config, old)), this.context.log);
    return path;
  }

  #name(moment: Moment): string {
    return saveName(this.config, moment) + formEnding(savedAs(this.config));
  }

  #remove(path: string): void {
    if (isFolderForm(savedAs(this.config))) removeFolder(path, MODEL_FOLDERS, this.context.log);
    else removeFile(path);
  }

  /** --output_name may lead into a folder below --output_dir. */
  #path(name: string): string {
    const path = join(this.config.outputDir, name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    return path;
  }

  /** Where to go on from when the weights of now are of no use. */
  lastGood(): string {
    if (this.#state) return `the last good state is ${this.#state}`;
    const model = this.#model ? `the last good model is ${this.#model}` : "";
    if (this.config.resume === null) return model || "nothing was saved before it";
    return `${model ? `${model}, ` : ""}the state before this run is ${this.config.resume}`;
  }
}

function removeFile(path: string): void {
  try {
    if (!Deno.lstatSync(path).isDirectory) Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
