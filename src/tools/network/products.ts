/** Products with one matrix after another on a device: what singular values of large matrices are made of. */

import { compile, Graph, matmul } from "../../graph/mod.ts";
import type { Matrix } from "../../networks/mod.ts";
import { type Device, ParameterStore, type Program } from "../../runtime/mod.ts";

/** Shapes whose programs are kept; a U-Net has about as many in its linear layers. */
const KEPT = 24;

interface Prepared {
  readonly name: string;
  readonly times: Program;
  readonly transposedTimes: Program;
}

/** Holds one matrix of each shape that came up, the newest. */
export class Products {
  readonly #store: ParameterStore;
  readonly #prepared = new Map<string, Prepared>();

  constructor(device: Device) {
    this.#store = new ParameterStore(device);
  }

  /** `values`: (out, width) row-major. What is given back multiplies `rows` vectors at once, until the next of its shape. */
  async matrix(values: Float32Array, out: number, width: number, rows: number): Promise<Matrix> {
    const key = [out, width, rows].join();
    const name = `matrix ${key}`;
    this.#store.upload(name, [out, width], "f32", values);
    let prepared = this.#prepared.get(key);
    if (!prepared) {
      if (this.#prepared.size >= KEPT) this.#forgetOldest();
      prepared = {
        name,
        times: await this.#program(name, [out, width], rows, true),
        transposedTimes: await this.#program(name, [out, width], rows, false),
      };
      this.#prepared.set(key, prepared);
    }
    const { times, transposedTimes } = prepared;
    return {
      out,
      width,
      times: async (x) => (await times.run({ x })).y,
      transposedTimes: async (x) => (await transposedTimes.run({ x })).y,
    };
  }

  async #program(
    name: string,
    shape: readonly [number, number],
    rows: number,
    transB: boolean,
  ): Promise<Program> {
    const graph = new Graph();
    const x = graph.input("x", [rows, shape[transB ? 1 : 0]]);
    graph.output("y", matmul(x, graph.parameter(name, shape), { transB }));
    return await compile(graph, this.#store);
  }

  #forgetOldest(): void {
    const [key, { name, times, transposedTimes }] = this.#prepared.entries().next().value!;
    this.#prepared.delete(key);
    times.destroy();
    transposedTimes.destroy();
    this.#store.free(name);
  }

  close(): void {
    while (this.#prepared.size) this.#forgetOldest();
    this.#store.destroy();
  }
}
