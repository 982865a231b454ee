/** state.json: written with a checksum of itself, checked field by field when it is read. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { fileText, NoFile } from "../../base/files/regular_file.ts";
import type { LoaderState } from "../../data/mod.ts";
import type { PythonRandomState } from "../../random/mod.ts";
import type { LossRecorderState } from "../loop/loss_recorder.ts";
import type { StepState } from "../step/step.ts";
import {
  count,
  integer,
  listOf,
  namesTo,
  number,
  numberOrNaN,
  object,
  orNull,
  positive,
  type Reader,
  sha256,
  text,
  truth,
  word,
  WrongField,
} from "./fields.ts";
import { FORMAT, type RunPosition, STATE_FILE, type StateFile } from "./format.ts";

/** 624 words of the Mersenne Twister and how many of them are used up. */
const python = object<PythonRandomState>({ words: listOf(word, 625), gaussNext: orNull(number) });

type BatchDraws = NonNullable<LoaderState["waiting"]>;
type ItemDraws = BatchDraws["items"][number];
type ColorChange = NonNullable<ItemDraws["color"]>;

const order = object<LoaderState["orders"][number]>({ epoch: count, step: count });

const color: Reader<ColorChange> = (value, at) =>
  Object.hasOwn(Object(value), "hue")
    ? object({ hue: number })(value, at)
    : object({ gamma: number })(value, at);

const sides: Reader<[number, number]> = (value, at) => {
  const [width, height] = listOf(positive, 2)(value, at);
  return [width, height];
};

const item = object<ItemDraws>({
  entry: count,
  flipped: truth,
  left: orNull(count),
  top: orNull(count),
  scaled: orNull(sides),
  color: orNull(color),
  caption: text,
});

const batch = object<BatchDraws>({ dataset: count, bucket: count, items: listOf(item) });

/** A list of the numbers below its length, each once. */
const permutation: Reader<number[]> = (value, at) => {
  const list = listOf(count)(value, at);
  if (new Set(list).size !== list.length || list.some((index) => index >= list.length)) {
    throw new WrongField(at, list, "a permutation");
  }
  return list;
};

const loader: Reader<LoaderState> = (value, at) => {
  const state = object<LoaderState>({
    epoch: count,
    permutation,
    drawn: count,
    waiting: orNull(batch),
    step: count,
    orders: listOf(order),
    workers: listOf(object<LoaderState["workers"][number]>({ orders: listOf(order), random: python })),
  })(value, at);
  const batches = state.permutation.length;
  if (state.drawn > batches) throw new WrongField(`${at}.drawn`, state.drawn, `at most ${batches}`);
  return state;
};

const stateFile = object<StateFile>({
  format: text,
  position: object<RunPosition>({ epoch: count, batch: count, globalStep: count }),
  step: object<StepState>({
    optimizerSteps: count,
    lossScale: positive,
    groupSteps: listOf(count),
    stepsAtScale: count,
    numbers: namesTo(number),
    running: listOf(namesTo(number)),
  }),
  losses: object<LossRecorderState>({ losses: listOf(numberOrNaN), total: numberOrNaN }),
  seed: integer,
  sessionId: count,
  startedAt: number,
  fingerprint: namesTo(text),
  settings: namesTo(text),
  data: loader,
  groups: listOf(object<StateFile["groups"][number]>({ name: text, size: count })),
  torch: text,
  python,
  tensors: object<StateFile["tensors"]>({ sha256 }),
});

const CHECKSUM = /,"sha256":"([0-9a-f]{64})"\}\s*$/;
const hash = (text: string) => createHash("sha256").update(text).digest("hex");

export function encodeStateFile(file: StateFile): string {
  const plain = JSON.stringify(file);
  return `${plain.slice(0, -1)},"sha256":"${hash(plain)}"}`;
}

/** Reads state.json of a state folder. Throws UserError naming the file and the field that is wrong. */
export function readStateFile(folder: string): StateFile {
  const path = join(folder, STATE_FILE);
  let content: string, parsed: unknown;
  try {
    content = fileText(path);
    parsed = JSON.parse(content);
  } catch (cause) {
    if (cause instanceof NoFile) throw cause;
    const reason = (cause as Error).message.split("\n")[0];
    throw new UserError(
      `${path}: cannot be read (${reason}); --resume takes a folder that easel saved`,
      { cause },
    );
  }
  const format = (parsed as { format?: unknown } | null)?.format;
  if (typeof format === "string" && /^easel training state \d+$/.test(format) && format !== FORMAT) {
    throw new UserError(
      `${path}: is "${format}", this easel reads "${FORMAT}"; resume with the version that saved it`,
    );
  }
  if (format !== FORMAT) {
    throw new UserError(`${path}: is no easel training state; sd-scripts' cannot be resumed`);
  }
  const file = checked(path, parsed);
  const sum = CHECKSUM.exec(content);
  if (sum?.[1] !== hash(content.slice(0, sum?.index) + "}")) {
    throw new UserError(
      `${path}: does not match its checksum, it was changed or is damaged; use another state`,
    );
  }
  return file;
}

function checked(path: string, parsed: unknown): StateFile {
  try {
    return stateFile(parsed, "");
  } catch (cause) {
    if (!(cause instanceof WrongField)) throw cause;
    throw new UserError(`${path}: ${cause.message}; the file is damaged, use another state`, { cause });
  }
}
