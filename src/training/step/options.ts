/** Number formats and memory. */

import { ONE_ATTENTION } from "../../options/shared.ts";
import {
  choice,
  flag,
  group,
  int,
  intChoice,
  newer,
  noEffect,
  notYet,
  own,
  pathTo,
  same,
  sameAsUnset,
  str,
} from "../../options/mod.ts";

export const precisionOptions = group("Precision and memory", {
  mem_eff_attn: noEffect(
    ONE_ATTENTION,
    flag("chunked pure-PyTorch attention"),
  ),
  xformers: noEffect(
    ONE_ATTENTION,
    flag("xformers attention"),
  ),
  sdpa: noEffect(
    ONE_ATTENTION,
    flag("PyTorch scaled-dot-product attention"),
  ),
  gradient_checkpointing: flag("recompute activations in backward"),
  gradient_accumulation_steps: same(
    int(1, "micro-batches per optimizer step", { min: 1, max: 1_000_000 }),
  ),
  mixed_precision: choice(["no", "fp16", "bf16"], "no", "compute format"),
  full_fp16: flag("hold the trained weights in fp16 too; gradients and optimizer states stay as they are"),
  full_bf16: flag("hold the trained weights in bf16 too; gradients and optimizer states stay as they are"),
  stochastic_rounding: own(
    flag("round weights held in bf16 up or down at random, so that small steps are not lost"),
  ),
  fp8_base: flag("hold the frozen base weights of a network in float8 e4m3"),
  lowram: noEffect(
    "a checkpoint is read straight to the device anyway",
    flag("load the model straight to the GPU"),
  ),
  highvram: noEffect(
    "no cache is cleared between batches anyway",
    flag("skip cache clearing between batches"),
  ),
  cpu_offload_checkpointing: newer(
    noEffect(
      "what checkpointing keeps is small and stays on the device; --gradient_checkpointing alone saves the memory",
      flag("keep checkpointed activations in CPU memory"),
    ),
  ),
  fp8_base_unet: newer(flag("fp8_base for the U-Net only")),
  torch_compile: noEffect("every step is compiled anyway", flag("compile the model with dynamo")),
  dynamo_backend: noEffect(
    "every step is compiled anyway, by easel itself",
    sameAsUnset(
      "no",
      choice(
        [
          "eager",
          "aot_eager",
          "inductor",
          "aot_ts_nvfuser",
          "nvprims_nvfuser",
          "cudagraphs",
          "ofi",
          "fx2trt",
          "onnxrt",
          "tensort",
          "ipex",
          "tvm",
        ],
        "inductor",
        "dynamo backend",
      ),
    ),
  ),
});

export const distributedOptions = group("Several devices", {
  ddp_timeout: notYet(int(null, "minutes before a collective operation times out")),
  ddp_gradient_as_bucket_view: notYet(flag("DDP memory option")),
  ddp_static_graph: notYet(flag("DDP static-graph option")),
  deepspeed: notYet(flag("use DeepSpeed")),
  zero_stage: notYet(intChoice([0, 1, 2, 3], 2, "ZeRO stage")),
  offload_optimizer_device: notYet(choice(["cpu", "nvme"], null, "optimizer offload target")),
  offload_optimizer_nvme_path: notYet(pathTo("folder", str(null, "NVMe path for it"))),
  offload_param_device: notYet(choice(["cpu", "nvme"], null, "parameter offload target (stage 3)")),
  offload_param_nvme_path: notYet(pathTo("folder", str(null, "NVMe path for it"))),
  zero3_init_flag: notYet(flag("ZeRO-3 init for large models")),
  zero3_save_16bit_model: notYet(flag("gather 16-bit weights on save")),
  fp16_master_weights_and_gradients: notYet(flag("16-bit master weights and gradients")),
});
