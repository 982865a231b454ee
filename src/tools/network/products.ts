/** Products with one matrix after another on a device: what singular values of large matrices are made of. */

import { compile, Graph, matmul, Programs, reshape, square, sub, sum } from "../../graph/mod.ts";
import type { Matrix } from "../../networks/mod.ts";
import { type Device, ParameterStore, type Program } from "../../runtime/mod.ts";

const MATRIX = "matrix";

/** Numbers whose squares, many of them, may be no float32 any more. */
const LARGE = 1e12;

/** Programs over the matrix that is on the device. */
interface Prepared {
  readonly key: string;
  readonly times: Program;
  readonly transposedTimes: Program;
}

/** Holds one matrix, the newest: give those of one shape one after the other, for programs are made for a shape. */
export class Products {
  readonly #store: ParameterStore;
  #prepared: Prepared | null = null;
  /** Those that hold no matrix, by what they do and of which sizes. */
  readonly #others: Programs<readonly (string | number)[]>;

  constructor(device: Device) {
    this.#store = new ParameterStore(device);
    this.#others = new Programs(this.#store);
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
      gram: async (x, n) =>
        (await this.#others.run(["gram", x.length / n, n], (graph) => {
          const rows = graph.input("x", [x.length / n, n]);
          graph.output("y", matmul(rows, rows, { transB: true }));
        }, { x })).y,
      mixed: async (weights, x, n) =>
        (await this.#others.run(["mixed", x.length / n, n], (graph) => {
          const k = x.length / n;
          graph.output("y", matmul(graph.input("weights", [k, k]), graph.input("x", [k, n])));
        }, { weights, x })).y,
    };
  }

  /** Squared norms of `values` (out, width) and of what up (out, rank) times down (rank, width) leaves of it. */
  async leftOf(
    values: Float32Array,
    { up, down, rank }: { readonly up: Float32Array; readonly down: Float32Array; readonly rank: number },
  ): Promise<{ left: number; whole: number }> {
    const out = up.length / rank, width = down.length / rank;
    const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const unit = largest > LARGE ? largest : 1; // squares are summed in float32
    const scaled = (list: Float32Array) => unit === 1 ? list : list.map((x) => x / unit);
    const { left, whole } = await this.#others.run(["left", out, width, rank], (graph) => {
      const x = graph.input("x", [out, width]);
      const product = matmul(graph.input("up", [out, rank]), graph.input("down", [rank, width]));
      graph.output("left", reshape(sum(square(sub(x, product))), [1]));
      graph.output("whole", reshape(sum(square(x)), [1]));
    }, { x: scaled(values), up: scaled(up), down });
    return { left: left[0] * unit ** 2, whole: whole[0] * unit ** 2 };
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
    this.#others.destroy();
    this.#store.destroy();
  }
}
