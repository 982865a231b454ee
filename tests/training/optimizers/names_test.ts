/** --optimizer_type and --optimizer_args as they are typed. */
import assert from "node:assert/strict";
import {
  findOptimizer,
  optimizerNames,
  readOptimizer,
  recordedOptimizer,
} from "../../../src/training/optimizers/mod.ts";

Deno.test("optimizers are found in any capitals, by alias and by the path of their class", () => {
  const wanted: Record<string, string> = {
    "": "AdamW",
    adamw8BIT: "AdamW8bit",
    "torch.optim.adamw": "AdamW",
    "TORCH.OPTIM.RAdam": "RAdam",
    DAdaptation: "DAdaptation",
    dadaptadampreprint: "DAdaptation",
    "bitsandbytes.optim.AdamW8bit": "AdamW8bit",
    "bitsandbytes.optim.adamw.PagedAdamW8bit": "PagedAdamW8bit",
    "bitsandbytes.optim.Lion": "bitsandbytes.optim.Lion",
    sgdnesterov8bit: "SGDNesterov8bit",
    PagedAdEMAMix8bit: "PagedAdEMAMix8bit",
    "torch.optim.adamw.AdamW": "AdamW",
    "bitsandbytes.optim.AdEMAMix8bit": "AdEMAMix8bit",
    "pytorch_optimizer.CAME": "CAME",
    "dadaptation.DAdaptAdam": "DAdaptAdam",
    "dadaptation.experimental.DAdaptAdanIP": "DAdaptAdanIP",
    "prodigyopt.Prodigy": "Prodigy",
    "schedulefree.AdamWScheduleFree": "AdamWScheduleFree",
    "lion_pytorch.Lion": "Lion",
    "transformers.Adafactor": "Adafactor",
    "torch.optim.Adafactor": "torch.optim.Adafactor",
    "torch.optim._muon.Muon": "Muon",
  };
  for (const [type, name] of Object.entries(wanted)) {
    assert.equal(findOptimizer(type)?.names[0], name, type);
  }
  const lower = optimizerNames.map((name) => name.toLowerCase());
  assert.equal(new Set(lower).size, lower.length, "no two have one name");
});

Deno.test("what there is not ends in one line that names the nearest", () => {
  const lines: Record<string, RegExp> = {
    AdamW9bit: /^optimizer AdamW9bit is not .*; did you mean AdamW8bit\?$/,
    "my_package.optimizers.AdamWW": /did you mean AdamW\?$/,
    "bitsandbytes.optim.LAMB8bit": /did you mean bitsandbytes\.optim\.\w+\?$/,
    zzzzzzzzzzzz: /; use AdamW$/,
    "pytorch_optimizer.Prodigy": /did you mean Prodigy\?$/,
    "adv_optm.SGDNesterov": /did you mean SGDNesterov\?$/,
    LBFGS: /is not among those that easel has/,
  };
  for (const [type, message] of Object.entries(lines)) {
    assert.throws(() => readOptimizer(type, null), { name: "UsageError", message }, type);
  }
});

Deno.test("an unknown argument of any optimizer is refused with what it takes", () => {
  for (const name of optimizerNames) {
    assert.throws(() => readOptimizer(name, ["weigth_decay=0.1"]), {
      name: "UsageError",
      message: /takes no weigth_decay(; did you mean weight_decay\?)?; it takes \w+/,
    }, name);
  }
  // what other libraries' optimizers take that changes no number here
  const idle: Record<string, string[]> = {
    AdamW8bit: ["block_wise=True", "percentile_clipping=100", "args=None", "is_paged=False"],
    Lion: ["use_triton=False"],
    DAdaptLion: ["log_every=10", "fsdp_in_use=False"],
    AdamWScheduleFree: ["foreach=False"],
    StableAdamW: ["kahan_sum=True"],
    CAME: ["weight_decouple=True", "ams_bound=False"],
  };
  for (const [name, args] of Object.entries(idle)) readOptimizer(name, args);
  assert.throws(() => readOptimizer("AdamW8bit", ["block_wise=False"]), /block_wise must be True/);
  assert.throws(() => readOptimizer("Muon", ["ns_steps=100"]), /must be a whole number from 0 to 99/);
  assert.throws(() => readOptimizer("AdamW8bit", ["min_8bit_size=-1"]), /must be a whole number, 0 or more/);
  // what bitsandbytes takes and makes nothing of
  for (
    const [type, ...args] of [
      ["AdamW8bit", "optim_bits=32"],
      ["Adagrad8bit", "optim_bits=8", "lr_decay=0", "initial_accumulator_value=0"],
      ["RMSprop8bit", "momentum=0.9", "centered=False"],
      ["SGD8bit", "nesterov=True", "dampening=0.1"],
    ]
  ) readOptimizer(type, args);
  assert.throws(() => readOptimizer("AdamW8bit", ["optim_bits=8"]), /optim_bits must be 32/);
  assert.throws(() => readOptimizer("bitsandbytes.optim.SGD8bit", ["momentum=0"]), /above 0 and below 1/);
});

Deno.test("files name the classes of torch.optim as PyTorch 2.13 does: two by the package alone", () => {
  const places: Record<string, string> = { Adafactor: "", Muon: "" };
  const classes = [
    "Adadelta",
    "Adagrad",
    "Adam",
    "Adamax",
    "ASGD",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SGD",
  ];
  for (const name of classes) places[name] = `${name.toLowerCase()}.`;
  for (const [name, place] of Object.entries(places)) {
    const { name: recorded } = recordedOptimizer(`torch.optim.${name}`, null);
    assert.equal(recorded, `torch.optim.${place}${name}`);
  }
});
