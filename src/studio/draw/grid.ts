/** An X/Y grid: two things that change over pictures that are otherwise alike, drawn by one run for each sampler. */

import { basename, extname, join } from "node:path";
import { atomicWriteFile } from "../../base/files/atomic.ts";
import { isFile } from "../../base/files/exists.ts";
import { fileText } from "../../base/files/regular_file.ts";
import { samplerProblem } from "../../generation/samplers/mod.ts";
import { stamp } from "../../generation/pictures/file_names.ts";
import { type Folders, Refused } from "../studio.ts";
import {
  type AskedDrawing,
  commonArgs,
  type DrawnLora,
  negativeOf,
  networkArgs,
  numberOf,
  plain,
} from "./drawing.ts";
import type { Axis, AxisKind, Grid, NewJob, SeenGrid } from "./shown.ts";

const FILE = "grid.json", MOST_CELLS = 400;

/** The least and most of an axis of numbers; whole where it says so. */
const NUMBERS: Partial<Record<AxisKind, readonly [least: number, most: number, whole: boolean]>> = {
  strength: [-10, 10, false],
  steps: [1, 1000, true],
  scale: [0, 100, false],
  seed: [0, 2 ** 53, true],
};

/** Checks what a page sent. Throws Refused (400). */
export function axesOf(
  x: unknown,
  y: unknown,
  drawing: AskedDrawing,
  folders: Folders,
): { x: Axis; y: Axis } {
  const axes = { x: axisOf(x, "x", folders), y: axisOf(y, "y", folders) };
  const kinds = [axes.x.kind, axes.y.kind];
  if (kinds[0] === kinds[1]) {
    throw new Refused(400, `x and y: both are ${kinds[0]}; choose two different things`);
  }
  if (axes.x.values.length * axes.y.values.length > MOST_CELLS) {
    throw new Refused(
      400,
      `${axes.x.values.length} times ${axes.y.values.length} pictures, at most ${MOST_CELLS} are in a grid`,
    );
  }
  if (kinds.includes("strength") && !kinds.includes("lora") && drawing.loras.length === 0) {
    throw new Refused(
      400,
      "strength: there is no LoRA whose strength it could be; add one, or make LoRAs the other axis",
    );
  }
  return axes;
}

function axisOf(asked: unknown, name: string, folders: Folders): Axis {
  const { kind, values } = (asked ?? {}) as Partial<Axis>;
  if (!Array.isArray(values) || values.length === 0) {
    throw new Refused(400, `${name}: give at least one value`);
  }
  if (kind === "lora") return { kind, values: values.map((path) => folders.inside(String(path))) };
  if (kind === "sampler") {
    const problem = values.map((value) => samplerProblem(String(value))).find((problem) => problem !== null);
    if (problem) throw new Refused(400, `${name}: ${problem}`);
    return { kind, values };
  }
  const numbers = kind && NUMBERS[kind];
  if (!numbers) throw new Refused(400, `${name}: ${JSON.stringify(kind)} cannot be an axis`);
  return { kind, values: values.map((value) => numberOf(value, `${name} (${kind})`, ...numbers)) };
}

/** Makes the grid's own folder with its prompts, and says which jobs fill it. Throws UserError where it cannot be written. */
export function startGrid(
  drawing: AskedDrawing,
  axes: { x: Axis; y: Axis },
): { folder: string; jobs: NewJob[] } {
  const folder = newFolder(drawing.folder), { x, y } = axes;
  const cells = y.values.map((_, row) => x.values.map((_, column) => `x${column}_y${row}.png`));
  const grid: Grid = {
    ...{ easel: "grid", prompt: drawing.prompt, width: drawing.width, height: drawing.height, cells },
    x: { ...x, labels: labelsOf(x) },
    y: { ...y, labels: labelsOf(y) },
  };
  const loras = lorasOf(drawing, axes);
  const placed = cells.flatMap((names, row) =>
    names.map((name, column) => cellOf(drawing, loras, [[x, column], [y, row]], name))
  );
  const samplers = [...new Set(placed.map(({ sampler }) => sampler))];
  const jobs = samplers.map((sampler, i) => {
    const prompts = join(folder, samplers.length === 1 ? "prompts.txt" : `prompts-${i + 1}.txt`);
    const lines = placed.filter((cell) => cell.sampler === sampler).map(({ line }) => line);
    atomicWriteFile(prompts, `${lines.join("\n")}\n`);
    const args = [
      ...commonArgs(drawing),
      ...["--from_file", prompts, "--W", String(drawing.width), "--H", String(drawing.height)],
      ...["--sampler", sampler, "--outdir", folder],
      ...networkArgs(loras),
    ];
    return { command: "gen_img" as const, args, folder };
  });
  atomicWriteFile(join(folder, FILE), JSON.stringify(grid, null, 1));
  return { folder, jobs };
}

/** The form's own LoRAs, and behind them those that take turns, each at the strength that the form may have for it. */
function lorasOf({ loras }: AskedDrawing, { x, y }: { x: Axis; y: Axis }): GridLora[] {
  const turns = [x, y].find(({ kind }) => kind === "lora")?.values.map(String) ?? [];
  return [
    ...loras.filter(({ path }) => !turns.includes(path)).map((lora) => ({ ...lora, turn: null })),
    ...turns.map((path, turn) => ({
      path,
      strength: loras.find((lora) => lora.path === path)?.strength ?? 1,
      turn,
    })),
  ];
}

interface GridLora extends DrawnLora {
  /** Its place on the axis; null of one that all pictures are drawn with. */
  readonly turn: number | null;
}

/** The prompt's line of one picture. */
function cellOf(
  drawing: AskedDrawing,
  loras: readonly GridLora[],
  at: readonly (readonly [Axis, number])[],
  name: string,
) {
  const value = (kind: AxisKind) => {
    const [axis, i] = at.find(([axis]) => axis.kind === kind) ?? [];
    return axis && axis.values[i!];
  };
  const number = (kind: AxisKind, usual: number) => Number(value(kind) ?? usual);
  const turns = at.find(([axis]) => axis.kind === "lora");
  const multipliers = loras.map(({ strength, turn }, i) => {
    if (turn !== null && turn !== turns?.[1]) return 0;
    return turn !== null || (!turns && i === 0) ? number("strength", strength) : strength;
  });
  const line = [
    ` ${drawing.prompt}`, // a line that begins with # would be a comment
    ...negativeOf(drawing),
    ...(multipliers.length ? [`--am ${multipliers.map(plain).join(",")}`] : []),
    `--s ${number("steps", drawing.steps)}`,
    `--l ${plain(number("scale", drawing.scale))}`,
    `--d ${number("seed", drawing.seed)}`,
    `--f ${name}`,
  ].join(" ");
  return { line, sampler: String(value("sampler") ?? drawing.sampler) };
}

function labelsOf({ kind, values }: Axis): string[] {
  if (kind !== "lora") return values.map(String);
  return values.map((path) => basename(String(path), extname(String(path))));
}

function newFolder(below: string): string {
  const name = `grid_${stamp(new Date())}`;
  for (let n = 1;; n++) {
    const folder = join(below, n === 1 ? name : `${name}_${n}`);
    try {
      Deno.mkdirSync(below, { recursive: true });
      Deno.mkdirSync(folder);
      return folder;
    } catch (cause) {
      if (!(cause instanceof Deno.errors.AlreadyExists)) {
        throw new Refused(403, `${folder}: cannot be made (${(cause as Error).message})`);
      }
    }
  }
}

export function isGrid(folder: string): boolean {
  return isFile(join(folder, FILE));
}

/** A grid and which of its pictures there are. Throws Refused (404) for a folder without one, or with a damaged one. */
export function readGrid(
  folder: string,
): SeenGrid {
  let grid: Grid;
  try {
    grid = JSON.parse(fileText(join(folder, FILE)));
    const sides = [grid.x, grid.y].every(({ labels, values }) => labels.length === values.length);
    const plainNames = grid.cells.flat().every((name) => /^x\d+_y\d+\.png$/.test(name));
    if (grid.easel !== "grid" || !sides || !plainNames) throw new Error("it is none of easel's");
  } catch (cause) {
    throw new Refused(
      404,
      `${folder}: its ${FILE} cannot be read (${(cause as Error).message.split("\n")[0]})`,
    );
  }
  return { ...grid, folder, drawn: grid.cells.map((row) => row.map((name) => isFile(join(folder, name)))) };
}
