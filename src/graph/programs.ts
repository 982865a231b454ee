/** Programs by shape: recorded and compiled at their first use; of many, the one used longest ago is given back. */

import type { ParameterStore, Program, Values } from "../runtime/mod.ts";
import { compile } from "./compile.ts";
import { Graph } from "./graph.ts";
import type { CompileOptions } from "./lower.ts";

export interface ProgramsOptions {
  /** Gives the store the parameters that a recorded graph needs; without it they are all there. */
  readonly load?: (graph: Graph) => Promise<void>;
  /** How many are kept. Default all: where shapes come again and again, none should be compiled twice. */
  readonly kept?: number;
}

/** `Shape` is plain data, which names the program: two that look the same are the same. */
export class Programs<Shape> {
  readonly #programs = new Map<string, Program>();

  constructor(private readonly store: ParameterStore, private readonly options: ProgramsOptions = {}) {}

  /** The program of a shape, which `record` describes where it is new. */
  async get(
    shape: Shape,
    record: (graph: Graph) => void,
    compileOptions?: () => CompileOptions,
  ): Promise<Program> {
    const key = JSON.stringify(shape);
    let program = this.#programs.get(key);
    if (!program) {
      this.#makeRoom();
      const graph = new Graph();
      record(graph);
      await this.options.load?.(graph);
      program = await compile(graph, this.store, compileOptions?.());
    }
    this.#programs.delete(key); // the most recently used comes last
    this.#programs.set(key, program);
    return program;
  }

  /** Runs the program of a shape. Inputs that it does not have are left out. */
  async run(
    shape: Shape,
    record: (graph: Graph) => void,
    inputs: Readonly<Record<string, Values>>,
  ): Promise<Record<string, Float32Array>> {
    const program = await this.get(shape, record);
    return await program.run(known(program, inputs));
  }

  /** The same; every output as the bytes of its own dtype. */
  async runBytes(
    shape: Shape,
    record: (graph: Graph) => void,
    inputs: Readonly<Record<string, Values>>,
  ): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
    const program = await this.get(shape, record);
    return await program.runBytes(known(program, inputs));
  }

  #makeRoom(): void {
    const { kept = Infinity } = this.options;
    for (const [key, program] of this.#programs) {
      if (this.#programs.size < kept) return;
      this.#programs.delete(key);
      program.destroy();
    }
  }

  /** Frees all of them; more can be made afterwards. */
  destroy(): void {
    for (const program of this.#programs.values()) program.destroy();
    this.#programs.clear();
  }
}

function known({ tables }: Program, inputs: Readonly<Record<string, Values>>): Record<string, Values> {
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => tables.inputs.has(name)));
}
