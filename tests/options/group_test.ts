/** What follows from rows: the config's type, its values where nothing is given, what a state remembers. */

import assert from "node:assert/strict";
import {
  bytes,
  type ConfigOf,
  flag,
  float,
  group,
  int,
  noEffect,
  pathTo,
  required,
  rowsOf,
  same,
  str,
  strings,
  withDefaults,
} from "../../src/options/mod.ts";
import { textAs } from "../../src/options/convert.ts";

const toys = [
  group("Toys", {
    toy_dir: required(pathTo("folder", str(null, "where toys are"))),
    toys_per_child: int(3, "toys", { min: 1 }),
    toy_scale: float(null, "scale"),
    toy_names: strings("names"),
    xformers: noEffect("there is one attention", flag("attention")),
  }),
  group("Memory", { toy_budget: bytes("most memory"), wooden: same(flag("wood")) }),
] as const;

Deno.test("withDefaults() gives every row its default and takes what is given", () => {
  const config = withDefaults(toys, { toyDir: "box", toyScale: 2 });
  assert.deepEqual(
    { ...config, xformers: undefined },
    {
      ...{ toyDir: "box", toysPerChild: 3, toyScale: 2, toyNames: null },
      ...{ toyBudget: null, wooden: false, xformers: undefined },
    },
  );
});

Deno.test("a config's type says what a row says", () => {
  const config: ConfigOf<typeof toys> = withDefaults(toys, { toyDir: "box" });
  const dir: string = config.toyDir, names: string[] | null = config.toyNames;
  // @ts-expect-error -- a required row must be given
  assert.equal(withDefaults(toys, {}).toyDir, null);
  // @ts-expect-error -- a scale may be unset
  const scale: number = config.toyScale;
  // @ts-expect-error -- what has no effect is no part of a config
  assert.equal(config.xformers, false);
  assert.deepEqual([dir, names, scale], ["box", null, null]);
});

Deno.test("rowsOf() joins groups in their order", () => {
  assert.deepEqual(Object.keys(rowsOf(toys)).slice(-3), ["xformers", "toy_budget", "wooden"]);
});

Deno.test("sizes of memory are read with their unit", () => {
  const sizes: [string, number][] = [["6GB", 6 * 2 ** 30], ["512 MB", 2 ** 29], ["1.5g", 1.5 * 2 ** 30], [
    "100",
    100,
  ]];
  for (const [text, value] of sizes) assert.deepEqual(textAs("bytes", text), { value });
  assert.deepEqual(textAs("bytes", "much"), { wanted: "a size such as 6GB" });
});
