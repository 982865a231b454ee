/** The parts of the dataset that are pure functions: bucket sizes, bucket choice, captions. */

import { bucketResolutions, type BucketRules, Buckets, cropBox } from "../../../src/data/batches/buckets.ts";
import { type CaptionOptions, processCaption } from "../../../src/data/batches/captions.ts";
import { PythonRandom } from "../../../src/random/mod.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact } from "../compare.ts";

export function checkBucketLists({ json }: GoldenCase): Check[] {
  return json.cases.map((
    c: {
      max_reso: [number, number];
      min_size: number;
      max_size: number;
      divisible: number;
      buckets: unknown;
    },
  ) =>
    exact(
      `${c.max_reso.join("x")} ${c.min_size} to ${c.max_size} by ${c.divisible}`,
      bucketResolutions(c.max_reso, c.min_size, c.max_size, c.divisible),
      c.buckets,
    )
  );
}

export function checkSelection({ json }: GoldenCase): Check[] {
  const rules: BucketRules = {
    ...{ noUpscale: json.no_upscale, resolution: json.max_reso, steps: json.reso_steps },
    ...{ minSize: json.min_size, maxSize: json.max_size },
  };
  const buckets = Buckets.byRules(rules);
  const rows = (json.rows as number[][]).map(([width, height]) => {
    const { bucket, resized, aspectError } = buckets.place(width, height);
    return [width, height, ...bucket, ...resized, aspectError, ...cropBox(bucket, [width, height])];
  });
  return [
    exact("rows", rows, json.rows),
    exact("order of first use", buckets.used(), json.bucket_order_of_first_use),
    exact("sorted", buckets.sorted(), json.sorted_resos),
  ];
}

interface CaptionCase {
  name: string;
  options?: Partial<CaptionOptions>;
  caption: string;
  replacements?: Record<string, string | string[]>;
  python_random_seed: number;
  epoch?: string;
  step?: string;
  max_train_steps?: number;
  outputs: string[];
  "next_random()"?: number;
}

export function checkCaptions({ json }: GoldenCase): Check[] {
  return (json.cases as CaptionCase[]).flatMap((c) => {
    const random = new PythonRandom(c.python_random_seed);
    const options: CaptionOptions = { ...json.defaults, ...c.options };
    const replacements = Object.entries(c.replacements ?? {});
    const outputs = c.outputs.map((_, k) => {
      const progress = { epoch: at(c.epoch, k), step: at(c.step, k), maxTrainSteps: c.max_train_steps ?? 0 };
      return processCaption(options, c.caption, progress, random, replacements);
    });
    const title = `${c.name}, seed ${c.python_random_seed}`, next = c["next_random()"];
    return [
      exact(title, outputs, c.outputs),
      ...next === undefined ? [] : [exact(`${title}: next`, random.random(), next)],
    ];
  });
}

/** "k", "2k" or a number; 0 when the case says nothing. */
function at(rule: string | number = 0, k: number): number {
  if (typeof rule === "number") return rule;
  const found = /^(\d*)k$/.exec(rule);
  return found ? Number(found[1] || 1) * k : Number(rule);
}
