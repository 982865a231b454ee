import assert from "node:assert/strict";
import { add, compile, Graph, mul, square, sum } from "../../src/graph/mod.ts";
import { ParameterStore } from "../../src/runtime/mod.ts";
import { relL2 } from "../golden/compare.ts";
import { normal } from "../kernels/check_op.ts";
import { device, testOnEach } from "../kernels/devices.ts";

testOnEach("what is too much to be computed in one chain with its reader is kept", async (backend) => {
  const shape = [7, 300], [rows, columns] = shape, factors = 5;
  const build = (g: Graph) => {
    const made = ["x", "y"].map((name) => {
      let t = g.input(name, shape);
      for (let k = 0; k < factors; k++) t = mul(t, g.input(`${name}${k}`, k % 2 ? [rows, 1] : [1, columns]));
      return t;
    });
    const sizes = made.map((t) => sum(square(t)));
    g.output("product", mul(mul(made[0], made[1]), add(sizes[0], sizes[1])));
  };
  const inputs = Object.fromEntries(["x", "y"].flatMap((name, i) => [
    [name, normal([rows * columns], i).values],
    ...Array.from(
      { length: factors },
      (_, k) => [`${name}${k}`, normal([k % 2 ? rows : columns], 7 * i + k).values],
    ),
  ]));
  const product = async (chains: boolean) => {
    const g = new Graph();
    build(g);
    const program = await compile(g, new ParameterStore(device(backend)), { chains });
    const { product } = await program.run(inputs);
    program.destroy();
    return product;
  };
  assert.ok(relL2(await product(true), await product(false)) < 1e-6);
});
