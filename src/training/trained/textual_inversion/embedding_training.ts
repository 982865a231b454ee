/** Training vectors of new tokens on a frozen model: the step behind train_textual_inversion and its kin. */
import { concat, type Graph, slice, write } from "../../../graph/mod.ts";
import { loadMissing, type Shapes, type TokenTable } from "../../../models/mod.ts";
import type { ParameterStore } from "../../../runtime/mod.ts";
import type { OptimizerConfig, StepConfig } from "../../options.ts";
import { computeDtype, frozenDtype } from "../../dtypes.ts";
import { DiffusionTraining } from "../../step/diffusion_training.ts";
import { allocateGroups, type ParameterGroup } from "../../step/trainable.ts";
import { type BaseModel, predictNoise } from "../base_model.ts";

/** The new vectors of one text encoder. */
export interface NewVectors {
  readonly table: TokenTable;
  /** (count, width), the first values. */
  readonly values: Float32Array;
  readonly count: number;
}

export interface EmbeddingTrainingOptions {
  /** Blocks of the U-Net with vectors of their own, see PredictOptions; null: all read the same. */
  readonly blocks: readonly string[] | null;
  /**
   * A whole table, for sd-scripts' way: it trains all vectors and puts the old ones back after each step, so that the
   * gradients' norm is that of the whole table; of several text encoders only the last one's is clipped. null: only the new
   * vectors have gradients.
   */
  readonly wholeTable: ((key: string) => Float32Array) | null;
}

/** The parameter that holds the new vectors of a table; with whole tables the table holds them itself. */
export const vectorsOf = ({ key }: TokenTable) => `${key}/new`;
const keptOf = ({ key }: TokenTable) => `${key}/kept`;

export function embeddingTraining(
  store: ParameterStore,
  model: BaseModel,
  vectors: readonly NewVectors[],
  config: StepConfig & OptimizerConfig,
  { blocks, wholeTable }: EmbeddingTrainingOptions,
): DiffusionTraining {
  const groups = vectors.map(({ table, count }): ParameterGroup => ({
    name: "embeddings",
    learningRate: config.learningRate,
    parameters: wholeTable
      ? [{ name: table.key, shape: [table.vocabulary + count, table.width] }]
      : [{ name: vectorsOf(table), shape: [count, table.width] }],
  }));
  allocateGroups(store, groups);
  for (const { table, values } of vectors) {
    if (!wholeTable) store.set(vectorsOf(table), values);
    else keepTable(store, table, wholeTable(table.key), values);
  }
  const tables = new Set(vectors.map(({ table }) => table.key));
  const dtype = computeDtype(config.mixedPrecision), frozen = frozenDtype(config);
  return new DiffusionTraining(store, config, {
    groups,
    predict: predictNoise(wholeTable ? { ...model, shapes: withVectors(model.shapes, vectors) } : model, {
      dtype,
      storage: (key) => wholeTable && tables.has(key) ? "f32" : frozen(key),
      more: wholeTable ? undefined : moreRows(vectors),
      blocks: blocks ?? undefined,
      clipSkip: config.clipSkip,
      weightedCaptions: false,
    }),
    load: async (graph) => {
      if (model.file) await loadMissing(graph, store, model.file);
    },
    clipped: wholeTable ? groups.map((_, i) => i === groups.length - 1) : undefined,
    afterUpdate: wholeTable ? (graph) => vectors.forEach((each) => putBack(graph, each)) : undefined,
  });
}

/** The new vectors by table, for whoever reads the model's weights with them. */
export function moreRows(vectors: readonly Pick<NewVectors, "table" | "count">[]) {
  return new Map(vectors.map(({ table, count }) => [table.key, { name: vectorsOf(table), rows: count }]));
}

/** The new vectors as they are now, one array for each text encoder. */
export function trainedVectors(
  training: Pick<DiffusionTraining, "weights">,
  vectors: readonly NewVectors[],
): Float32Array[] {
  const weights = training.weights();
  return vectors.map(({ table: { key, vocabulary, width }, table }) =>
    weights.get(vectorsOf(table)) ?? weights.get(key)!.subarray(vocabulary * width)
  );
}

/** A model's shapes with the new rows in its tables. */
export function withVectors(shapes: Shapes, vectors: readonly NewVectors[]): Shapes {
  const changed = vectors.map(({ table: { key, vocabulary, width }, count }) =>
    [key, [vocabulary + count, width]] as const
  );
  return new Map([...shapes, ...changed]);
}

function keepTable(store: ParameterStore, table: TokenTable, old: Float32Array, values: Float32Array): void {
  const whole = new Float32Array(old.length + values.length);
  whole.set(old);
  whole.set(values, old.length);
  store.set(table.key, whole);
  store.upload(keptOf(table), [table.vocabulary, table.width], "f32", old);
}

/** Writes the old vectors of a table over what the optimizer has made of them. */
function putBack(graph: Graph, { table, count }: NewVectors): void {
  const { key, vocabulary, width } = table;
  const whole = graph.parameter(key, [vocabulary + count, width]);
  write(
    whole,
    concat([graph.parameter(keptOf(table), [vocabulary, width]), slice(whole, 0, vocabulary, count)], 0),
  );
}
