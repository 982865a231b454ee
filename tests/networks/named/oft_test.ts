/** Which layers networks.oft joins: as many as sd-scripts 0.9.1 made modules for the golden format's models. */

import { equal } from "node:assert/strict";
import { asSeen, networkNamed } from "../../../src/networks/mod.ts";
import { caseModel } from "../../golden/synth_models.ts";

const COUNTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "sd1-tiny": { "": 128, "enable_conv=1": 214, "enable_all_linear=1": 192, "both": 278 },
  "sdxl-tiny": { "": 136, "enable_conv=1": 202, "enable_all_linear=1": 192, "both": 258 },
};

for (const [model, counts] of Object.entries(COUNTS)) {
  Deno.test(`networks.oft on ${model}: attention, whole transformers, convolutions`, () => {
    const { shapes, family } = caseModel({ model }), network = networkNamed("networks.oft");
    for (const [name, count] of Object.entries(counts)) {
      const args = name === "both" ? ["enable_all_linear=1", "enable_conv=1"] : name ? [name] : [];
      const flags = { dim: 4, alpha: 1e-3, dropout: null, args };
      const options = network.options(flags, family.sites.blocks, true);
      const names = network.modules(shapes, family, options, {}).map((m) => m.name);
      equal(names.length, count, `${name}: ${names.filter((n) => n.includes("proj"))}`);
    }
  });
}

Deno.test("of a networks.oft file --compat takes what sd-scripts makes: SDXL's whole, of others transformers alone", () => {
  const seen = (model: string, compat: boolean, ...args: string[]) => {
    const { shapes, family } = caseModel({ model }), network = networkNamed("networks.oft");
    const options = network.options({ dim: 4, alpha: 1e-3, dropout: null, args }, family.sites.blocks, true);
    return asSeen({ modules: network.modules(shapes, family, options, {}) }, compat).modules.length;
  };
  equal(seen("sd1-tiny", true, "enable_all_linear=1", "enable_conv=1"), 192);
  equal(seen("sd1-tiny", true, "enable_conv=1"), 128);
  equal(seen("sd1-tiny", false, "enable_conv=1"), 214);
  equal(seen("sdxl-tiny", true, "enable_all_linear=1", "enable_conv=1"), 258);
  equal(seen("sdxl-tiny", true), 136);
});
