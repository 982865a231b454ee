/** Products with one matrix after another on a device: what singular values of large matrices are made of. */

import { compile, Graph, matmul } from "../../graph/mod.ts";
import type { Matrix } from "../../networks/mod.ts";
import { type Device, ParameterStore, type Program } from "../../runtime/mod.ts";

const MATRIX = "matrix";

/** Programs over the matrix that is on the device. */
interface Prepared {
  readonly key: string;
  readonly times: Program;
  readonly transposedTimes: Program;
}

/** Products of rows with each other, by how many there are and how long they are. */
interface RowPrograms {
  readonly gram: Program;
  readonly mixed: Program;
}

/** Holds one matrix, the newest: give those of one shape one after the other, for programs are made for a shape. */
export class Products {
  readonly #store: ParameterStore;
  #prepared: Prepared | null = null;
  readonly #rows = new Map<string, RowPrograms>();

  constructor(device: Device) {
    this.#store = new ParameterStore(device);
  }

  /** `values`: (out, width) row-major. What is given back multiplies `rows` vectors at once, until the next. */
  async matrix(values: Float32Array, out: number, width: number, rows: number): Promise<Matrix> {
    const key = [out, width, rows].join();
    if (this.#prepared?.key !== key) this.#forget();
    this.#store.upload(MATRIX, [out, width], "f32", values);
    this.#prepared ??= {
      key,
      times: await this.#program([out, width], rows, true),
      transposedTimes: await this.#program([out, width], rows, false),
    };
    const { times, transposedTimes } = this.#prepared;
    return {
      out,
      width,
      times: async (x) => (await times.run({ x })).y,
      transposedTimes: async (x) => (await transposedTimes.run({ x })).y,
      gram: async (x, n) => (await (await this.#rowPrograms(x.length / n, n)).gram.run({ x })).y,
      mixed: async (weights, x, n) =>
        (await (await this.#rowPrograms(x.length / n, n)).mixed.run({ weights, x })).y,
    };
  }

  async #rowPrograms(k: number, n: number): Promise<RowPrograms> {
    const key = [k, n].join(), known = this.#rows.get(key);
    if (known) return known;
    const [gram, mixed] = [new Graph(), new Graph()], x = gram.input("x", [k, n]);
    gram.output("y", matmul(x, x, { transB: true }));
    mixed.output("y", matmul(mixed.input("weights", [k, k]), mixed.input("x", [k, n])));
    const made = { gram: await compile(gram, this.#store), mixed: await compile(mixed, this.#store) };
    this.#rows.set(key, made);
    return made;
  }

  async #program(
    shape: readonly [number, number],
    rows: number,
    transB: boolean,
  ): Promise<Program> {
    const graph = new Graph();
    const x = graph.input("x", [rows, shape[transB ? 1 : 0]]);
    graph.output("y", matmul(x, graph.parameter(MATRIX, shape), { transB }));
    return await compile(graph, this.#store);
  }

  #forget(): void {
    if (!this.#prepared) return;
    this.#prepared.times.destroy();
    this.#prepared.transposedTimes.destroy();
    this.#prepared = null;
    this.#store.free(MATRIX);
  }

  close(): void {
    this.#forget();
    for (const { gram, mixed } of this.#rows.values()) {
      gram.destroy();
      mixed.destroy();
    }
    this.#store.destroy();
  }
}
