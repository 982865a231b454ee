/** Programs by shape: recorded and compiled at first use, the one used longest ago given back when there are many. */

import { compile, Graph } from "../../graph/mod.ts";
import type { Program, Values } from "../../runtime/mod.ts";
import type { DrawingModel } from "./model.ts";

/** Each holds its own arena, so a list of prompts in many sizes must not keep them all. */
const KEPT = 6;

export class Programs {
  readonly #programs = new Map<string, Program>();

  constructor(private readonly model: Pick<DrawingModel, "store" | "load">) {}

  /** Runs the program called `key`, which `record` describes. Inputs that it does not have are left out. */
  async run(
    key: string,
    record: (graph: Graph) => void,
    inputs: Readonly<Record<string, Values>>,
  ): Promise<Record<string, Float32Array>> {
    const program = await this.#get(key, record);
    const known = Object.entries(inputs).filter(([name]) => program.tables.inputs.has(name));
    return program.run(Object.fromEntries(known));
  }

  async #get(key: string, record: (graph: Graph) => void): Promise<Program> {
    let program = this.#programs.get(key);
    if (!program) {
      this.#makeRoom();
      const graph = new Graph();
      record(graph);
      await this.model.load?.(graph);
      program = await compile(graph, this.model.store);
    }
    this.#programs.delete(key); // the most recently used comes last
    this.#programs.set(key, program);
    return program;
  }

  #makeRoom(): void {
    for (const [key, program] of this.#programs) {
      if (this.#programs.size < KEPT) return;
      this.#programs.delete(key);
      program.destroy();
    }
  }

  destroy(): void {
    for (const program of this.#programs.values()) program.destroy();
    this.#programs.clear();
  }
}
