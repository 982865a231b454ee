/** A run of train_textual_inversion, its XTI sister or its SDXL one: trains the vectors of a new word and writes them. */
import type { JobContext } from "../../../base/job.ts";
import { UsageError } from "../../../base/errors.ts";
import { counted } from "../../../base/phrases.ts";
import type { DatasetGroup } from "../../../data/mod.ts";
import {
  addedTokenDraws,
  embeddingNames,
  type ModelFile,
  readTokenVectors,
  tokenTables,
  weightOf,
  writeEmbeddings,
} from "../../../models/mod.ts";
import { TorchGenerator } from "../../../random/mod.ts";
import { type ClipTokenizer, loadTokenizer, vocabularyTexts } from "../../../text/mod.ts";
import {
  sdxlTextualInversionGroups,
  type TextualInversionConfig,
  textualInversionGroups,
} from "../../options.ts";
import { runTraining } from "../../loop/trainer.ts";
import { frozenDtype } from "../../dtypes.ts";
import { modelTexts, savedSpec } from "../../trained/model_texts.ts";
import { readXti, type TextBlock, textBlocks, xtiTensors } from "../../../models/mod.ts";
import {
  embeddingTraining,
  moreRows,
  type NewVectors,
  trainedVectors,
  withVectors,
} from "../../trained/textual_inversion/embedding_training.ts";
import { randomVectors, type Rows, vectorsOfWords } from "../../trained/textual_inversion/first_vectors.ts";
import { OBJECT_TEMPLATES, STYLE_TEMPLATES } from "../../trained/textual_inversion/templates.ts";
import { openOutput } from "../output_folder.ts";
import { assembleRun, drawingModel } from "../assemble_run.ts";
import { closingOnError, type OpenedRun, openRun } from "../open_run.ts";
import type { TrainingRun } from "../training_run.ts";

/** What one command has that others have not. */
export interface InversionKind {
  /** Insists on SDXL. */
  readonly sdxl?: boolean;
  /** Vectors for each block of the U-Net (arXiv 2303.09522). */
  readonly xti?: boolean;
}

/** Runs the whole training. Throws as jobs do. */
export async function trainInversion(
  kind: InversionKind,
  given: TextualInversionConfig,
  context: JobContext,
): Promise<void> {
  const config = named(given);
  openOutput(config, context);
  await runTraining(config, await openInversionRun(kind, config, context), context);
}

/** The word is the name where none is given. */
const named = (config: TextualInversionConfig): TextualInversionConfig => ({
  ...config,
  outputName: config.outputName ?? config.tokenString,
});

/** Everything opened, checked and loaded. */
export async function openInversionRun(
  { sdxl = false, xti = false }: InversionKind,
  given: TextualInversionConfig,
  context: JobContext,
): Promise<TrainingRun> {
  // no picture reads vectors by blocks
  const config = named(xti ? { ...given, samplePrompts: null } : given);
  if (xti && given.samplePrompts !== null) {
    context.warn(
      "--sample_prompts: vectors for each block are not drawn with; there will be no sample pictures",
    );
  }
  const groups = sdxl ? sdxlTextualInversionGroups : textualInversionGroups;
  const captionsUnread = templates(config) !== undefined;
  const opened = await openRun(config, context, { groups, told: { sdxl }, captionsUnread });
  const { file, store, length, group } = opened, { family } = file;
  const { tokenString: word, numVectorsPerToken: vectors } = config, compat = config.compat !== null;
  const blocks = xti ? textBlocks(file.shapes) : null;
  const rows: Rows = { vectors, blocks: blocks?.length ?? 1, compat };
  const texts = closingOnError(opened, () => modelTexts(config));
  const news = await closingOnRejection(opened, async () => {
    if (xti && family.textEncoders.length > 1) {
      throw new UsageError(
        `${file.path}: is an ${family.label} model, XTI is for models with one text encoder`,
      );
    }
    const tokenizers = await Promise.all(
      family.textEncoders.map(({ tokenizer }) => loadTokenizer(tokenizer)),
    );
    await refuseKnown(word);
    if (!templates(config)) tellUnread(word, group, context);
    return firstVectors(
      config,
      file,
      tokenizers,
      { ...rows, named: blocks },
      opened,
      context,
    );
  });
  const words = news.map(({ table }) =>
    Array.from({ length: rows.blocks }, (_, block) => {
      const first = table.vocabulary + block * vectors;
      return new Map([[word, Array.from({ length: vectors }, (_, j) => first + j)]]);
    })
  );
  const ids = words.map(([first]) => first), frozen = frozenDtype(config);
  const sentences = templates(config)?.map((text) => text.replace("{}", () => word));
  return await assembleRun(config, opened, {
    name: "textual_inversion",
    what: `${counted(vectors, "vector")} for "${word}"${xti ? ` in each of ${rows.blocks} blocks` : ""}`,
    drawing: compat
      ? {
        ...drawingModel(config, opened, {
          words: ids,
          storage: (key) => news.some(({ table }) => table.key === key) ? "f32" : frozen(key),
        }),
        shapes: withVectors(file.shapes, news),
      }
      : drawingModel(config, opened, { words: ids, more: moreRows(news), storage: frozen }),
    examples: { words },
    replacements: sentences && [["", sentences]],
    training: () => {
      const model = { family, shapes: file.shapes, file };
      return embeddingTraining(store, model, news, { ...config, maxTrainSteps: length.steps }, {
        blocks: blocks && blocks.map(({ block }) => block),
        wholeTable: compat ? (key) => weightOf(file, key) : null,
      });
    },
    saveModel(training, path) {
      const values = trainedVectors(training, news), names = embeddingNames(family);
      const tensors = news.map(({ count, table: { width } }, i) => {
        return { name: names[i], count, width, values: values[i] };
      });
      const written = blocks ? xtiTensors(blocks, tensors[0]) : tensors;
      const metadata = blocks ? null : savedSpec("embedding", config, family, texts);
      writeEmbeddings(path, written, config.savePrecision, metadata);
    },
  }, context);
}

async function closingOnRejection<T>(
  opened: Parameters<typeof closingOnError>[0],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    return closingOnError(opened, () => {
      throw error;
    });
  }
}

function templates(config: TextualInversionConfig): readonly string[] | undefined {
  return config.useObjectTemplate ? OBJECT_TEMPLATES : config.useStyleTemplate ? STYLE_TEMPLATES : undefined;
}

/** A word that has an id keeps its meaning. */
async function refuseKnown(word: string): Promise<void> {
  if (!(await vocabularyTexts()).tokens.includes(word)) return;
  throw new UsageError(
    `--token_string ${word}: the text encoder knows this word already; give one that it does not, such as ${word}_1`,
  );
}

/** Captions without the word teach nothing. */
function tellUnread(word: string, { datasets }: DatasetGroup, { warn }: Pick<JobContext, "warn">): void {
  const captions = datasets.flatMap(({ entries }) => entries.map(({ caption }) => caption));
  const without = captions.filter((caption) => !caption.includes(word)).length;
  if (without === 0) return;
  const all = without === captions.length
    ? "no caption holds"
    : `${without} of ${counted(captions.length, "caption")} lack`;
  warn(
    `${all} "${word}": what the captions do not name is not learned from; write it into them, or give --use_object_template`,
  );
}

function firstVectors(
  config: TextualInversionConfig,
  file: ModelFile,
  tokenizers: readonly ClipTokenizer[],
  { named, ...rows }: Rows & { readonly named: readonly TextBlock[] | null },
  { seed, generators }: Pick<OpenedRun, "seed" | "generators">,
  { warn, log }: Pick<JobContext, "warn" | "log">,
): NewVectors[] {
  const { weights, initWord, tokenString } = config, { family, shapes } = file;
  const count = rows.vectors * rows.blocks, tables = tokenTables(family, shapes);
  const given = weights === null
    ? []
    : named
    ? [readXti(weights, named, tables[0])]
    : readTokenVectors(weights, family, shapes);
  if (initWord === null && weights === null) {
    log(`"${tokenString}" begins at random: no --init_word is given`);
  }
  // sd-scripts' XTI has rows for the word itself beside those for its blocks
  const added = named ? count + rows.vectors : count;
  for (const table of tables) generators.built(addedTokenDraws(table, added));
  // what they begin as moves nothing else: with each release transformers draws them in another way
  const torch = new TorchGenerator(seed);
  return tables.map((table, i): NewVectors => {
    const read = given[i];
    if (read && read.count !== count) {
      const found = counted(read.count / rows.blocks, "vector");
      throw new UsageError(
        `${weights}: holds ${found} for a word, --num_vectors_per_token ${rows.vectors} is asked for; give the same number`,
      );
    }
    if (read) return { table, count, values: read.values };
    const old = weightOf(file, table.key);
    if (initWord === null) return { table, count, values: randomVectors(old, table, rows, torch) };
    const ids = tokenizers[i].encode(initWord);
    if (ids.length === 0) throw new UsageError(`--init_word "${initWord}" has no words; give one`);
    if (i === 0 && ids.length > 1 && ids.length !== rows.vectors) {
      warn(
        `--init_word "${initWord}" has ${counted(ids.length, "token")} for ${
          counted(rows.vectors, "vector")
        }: ` +
          "they are repeated or cut",
      );
    }
    return { table, count, values: vectorsOfWords(old, table, ids, rows) };
  });
}
