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

/** Products of rows with each other, by how many there are and how long they are. */
interface RowPrograms {
  readonly gram: Program;
  readonly mixed: Program;
}

/** Holds one matrix of each shape that came up, the newest. */
export class Products {
  readonly #store: ParameterStore;
  readonly #prepared = new Map<string, Prepared>();
  readonly #rows = new Map<string, RowPrograms>();

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
    for (const { gram, mixed } of this.#rows.values()) {
      gram.destroy();
      mixed.destroy();
    }
    this.#store.destroy();
  }
}
