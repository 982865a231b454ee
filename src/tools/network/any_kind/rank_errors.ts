/** What a product of two factors leaves of a matrix. */

import { compile, Graph, matmul, reshape, square, sub, sum } from "../../../graph/mod.ts";
import { type Device, ParameterStore, type Program } from "../../../runtime/mod.ts";

/** The squared norm of what a product of factors leaves of a matrix, and of the matrix: what a lower rank costs. */
export class RankErrors {
  readonly #store: ParameterStore;
  readonly #programs = new Map<string, Program>();

  constructor(device: Device) {
    this.#store = new ParameterStore(device);
  }

  /** `values` (out, width) less up (out, rank) times down (rank, width). */
  async of(
    values: Float32Array,
    { up, down, rank }: { readonly up: Float32Array; readonly down: Float32Array; readonly rank: number },
  ): Promise<{ left: number; whole: number }> {
    const out = up.length / rank, width = down.length / rank, key = [out, width, rank].join();
    let program = this.#programs.get(key);
    if (!program) {
      const graph = new Graph();
      const [x, u, d] = ([["x", out, width], ["up", out, rank], ["down", rank, width]] as const)
        .map(([name, rows, columns]) => graph.input(name, [rows, columns]));
      graph.output("left", reshape(sum(square(sub(x, matmul(u, d)))), [1]));
      graph.output("whole", reshape(sum(square(x)), [1]));
      program = await compile(graph, this.#store);
      this.#programs.set(key, program);
    }
    const { left, whole } = await program.run({ x: values, up, down });
    return { left: left[0], whole: whole[0] };
  }

  close(): void {
    for (const program of this.#programs.values()) program.destroy();
    this.#store.destroy();
  }
}
