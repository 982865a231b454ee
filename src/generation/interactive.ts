/** --interactive: prompts are asked for one after the other, with the options that they have in files. */

import { Interrupted, UserError } from "../base/errors.ts";
import type { JobContext } from "../base/job.ts";
import { counted } from "../base/phrases.ts";
import { Drawing, namesIn } from "./drawing.ts";
import { drawableOf, lorasOf, prepareOutput } from "./gen_img.ts";
import type { GenImgConfig } from "./groups.ts";
import type { FileNames } from "./pictures/file_names.ts";
import { readSources, type Sources } from "./pictures/sources.ts";
import type { Batch } from "./pipeline/draw.ts";
import { openCheckpoint } from "./pipeline/load_model.ts";
import { askedSize, batchesOf } from "./plan.ts";
import { type LoraPath, loraPaths } from "./prompts/lora_files.ts";
import { isPrompt } from "./prompts/prompt_line.ts";
import { RequestMaker } from "./prompts/requests.ts";

/**
 * Draws what is typed or sent until its end. A prompt that cannot be drawn is told and the next one asked for; where prompts
 * were sent UserError says at the end how many.
 */
export async function drawInteractively(config: GenImgConfig, context: JobContext): Promise<void> {
  const { dialogue } = context;
  if (!dialogue) throw new UserError("--interactive: nobody can be asked here; give --prompt or --from_file");
  const sources = await readSources(config, context.warn);
  const file = openCheckpoint(config), facts = drawableOf(config, file);
  file.close();
  const session = await Session.open(config, sources, context);
  const maker = new RequestMaker(config, askedSize(config, facts), context.warn, { seedItself: false });
  maker.beginIteration();
  let prompts = 0, failed = 0;
  try {
    prepareOutput(config, context);
    for await (const line of dialogue.lines("prompt> ")) {
      if (!isPrompt(line)) continue;
      prompts++;
      try {
        await dialogue.apart(async (signal) => {
          const planned = batchesOf(config, [...maker.ofLine(line)], sources, facts, context.warn);
          await session.draw(planned, signal);
        });
      } catch (error) {
        if (context.signal.aborted || !(error instanceof UserError)) throw error;
        if (error instanceof Interrupted) continue;
        failed++;
        context.warn(error.message);
      }
    }
  } finally {
    session.close();
  }
  if (failed > 0 && !dialogue.typed) {
    throw new UserError(
      `${failed} of ${counted(prompts, "prompt")} could not be drawn; the warnings say why`,
    );
  }
}

/** A model with all LoRAs that prompts have named so far. */
class Session {
  readonly #names: FileNames;
  #drawing!: Drawing;
  #loras: readonly LoraPath[] = [];

  private constructor(
    private readonly config: GenImgConfig,
    private readonly sources: Sources,
    private readonly context: JobContext,
  ) {
    this.#names = namesIn(config);
  }

  static async open(config: GenImgConfig, sources: Sources, context: JobContext): Promise<Session> {
    const session = new Session(config, sources, context);
    await session.#load(loraPaths(config, []));
    return session;
  }

  async draw(planned: readonly Batch[], signal: AbortSignal): Promise<void> {
    const named = loraPaths(this.config, lorasOf(planned));
    const more = named.filter(({ path }) => !this.#loras.some((lora) => lora.path === path));
    if (more.length > 0) {
      const before = this.#loras;
      this.#drawing.close();
      await this.#load([...before, ...more]).catch(async (error) => {
        await this.#load(before);
        throw error;
      });
    }
    this.#drawing.check(planned);
    await this.#drawing.draw(planned, signal);
  }

  async #load(loras: readonly LoraPath[]): Promise<void> {
    const { config, sources, context } = this;
    const file = openCheckpoint(config), names = this.#names;
    this.#drawing = await Drawing.open(config, file, loras, { sources, context, names });
    this.#loras = loras;
  }

  close(): void {
    this.#drawing.close();
  }
}
