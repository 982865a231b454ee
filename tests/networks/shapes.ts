/** Keys and shapes of whole checkpoints by configuration, so that tests need no files. */

type Entries = [string, number[]][];

export interface ModelConfig {
  unet: {
    channels: number;
    mult: readonly number[];
    resBlocks: number;
    /** Transformer blocks at each level; 0 is a level without attention. */
    depth: readonly number[];
    middleDepth: number;
    context: number;
    projection: "conv" | "linear";
    /** Width of SDXL's vector input. */
    vector?: number;
  };
  text: readonly TextConfig[];
}

export interface TextConfig {
  layout: "clip" | "open_clip";
  root: string;
  width: number;
  layers: number;
  intermediate: number;
  vocab?: number;
  projection?: number;
}

export function modelShapes(config: ModelConfig): Map<string, number[]> {
  return new Map([...unetShapes(config.unet), ...config.text.flatMap(textShapes)]);
}

function layer(path: string, ...shape: number[]): Entries {
  return [[`${path}.weight`, shape], [`${path}.bias`, [shape[0]]]];
}

function norm(path: string, width: number): Entries {
  return layer(path, width);
}

function resnet(path: string, from: number, to: number, time: number): Entries {
  return [
    ...norm(`${path}.in_layers.0`, from),
    ...layer(`${path}.in_layers.2`, to, from, 3, 3),
    ...layer(`${path}.emb_layers.1`, to, time),
    ...norm(`${path}.out_layers.0`, to),
    ...layer(`${path}.out_layers.3`, to, to, 3, 3),
    ...(from === to ? [] : layer(`${path}.skip_connection`, to, from, 1, 1)),
  ];
}

function transformer(path: string, width: number, depth: number, context: number, conv: boolean): Entries {
  const kernel = conv ? [1, 1] : [];
  const attention = (at: string, from: number): Entries => [
    [`${at}.to_q.weight`, [width, width]],
    [`${at}.to_k.weight`, [width, from]],
    [`${at}.to_v.weight`, [width, from]],
    ...layer(`${at}.to_out.0`, width, width),
  ];
  const block = (at: string): Entries => [
    ...attention(`${at}.attn1`, width),
    ...layer(`${at}.ff.net.0.proj`, 8 * width, width),
    ...layer(`${at}.ff.net.2`, width, 4 * width),
    ...attention(`${at}.attn2`, context),
    ...norm(`${at}.norm1`, width),
    ...norm(`${at}.norm2`, width),
    ...norm(`${at}.norm3`, width),
  ];
  return [
    ...norm(`${path}.norm`, width),
    ...layer(`${path}.proj_in`, width, width, ...kernel),
    ...Array.from({ length: depth }, (_, i) => block(`${path}.transformer_blocks.${i}`)).flat(),
    ...layer(`${path}.proj_out`, width, width, ...kernel),
  ];
}

function unetShapes(config: ModelConfig["unet"]): Entries {
  const { channels, mult, resBlocks, depth, context } = config;
  const root = "model.diffusion_model", time = 4 * channels, conv = config.projection === "conv";
  const entries: Entries = [
    ...layer(`${root}.time_embed.0`, time, channels),
    ...layer(`${root}.time_embed.2`, time, time),
  ];
  if (config.vector) {
    entries.push(...layer(`${root}.label_emb.0.0`, time, config.vector));
    entries.push(...layer(`${root}.label_emb.0.2`, time, time));
  }
  entries.push(...layer(`${root}.input_blocks.0.0`, channels, 4, 3, 3));
  const skips = [channels];
  let width = channels, block = 1;
  mult.forEach((m, level) => {
    for (let i = 0; i < resBlocks; i++, block++) {
      const path = `${root}.input_blocks.${block}`;
      entries.push(...resnet(`${path}.0`, width, m * channels, time));
      width = m * channels;
      if (depth[level]) entries.push(...transformer(`${path}.1`, width, depth[level], context, conv));
      skips.push(width);
    }
    if (level === mult.length - 1) return;
    entries.push(...layer(`${root}.input_blocks.${block++}.0.op`, width, width, 3, 3));
    skips.push(width);
  });
  entries.push(...resnet(`${root}.middle_block.0`, width, width, time));
  entries.push(...transformer(`${root}.middle_block.1`, width, config.middleDepth, context, conv));
  entries.push(...resnet(`${root}.middle_block.2`, width, width, time));
  block = 0;
  for (let level = mult.length - 1; level >= 0; level--) {
    for (let i = 0; i <= resBlocks; i++, block++) {
      const path = `${root}.output_blocks.${block}`;
      entries.push(...resnet(`${path}.0`, width + skips.pop()!, mult[level] * channels, time));
      width = mult[level] * channels;
      if (depth[level]) entries.push(...transformer(`${path}.1`, width, depth[level], context, conv));
      if (level > 0 && i === resBlocks) {
        entries.push(...layer(`${path}.${depth[level] ? 2 : 1}.conv`, width, width, 3, 3));
      }
    }
  }
  entries.push(...norm(`${root}.out.0`, channels), ...layer(`${root}.out.2`, 4, channels, 3, 3));
  return entries;
}

function textShapes(config: TextConfig): Entries {
  const { root, width, layers, intermediate, vocab = 49408 } = config;
  const count = (make: (i: number) => Entries) => Array.from({ length: layers }, (_, i) => make(i)).flat();
  if (config.layout === "clip") {
    return [
      [`${root}.embeddings.token_embedding.weight`, [vocab, width]],
      [`${root}.embeddings.position_embedding.weight`, [77, width]],
      ...count((i) => {
        const at = `${root}.encoder.layers.${i}`;
        return [
          ...["k_proj", "v_proj", "q_proj", "out_proj"].flatMap((n) =>
            layer(`${at}.self_attn.${n}`, width, width)
          ),
          ...norm(`${at}.layer_norm1`, width),
          ...layer(`${at}.mlp.fc1`, intermediate, width),
          ...layer(`${at}.mlp.fc2`, width, intermediate),
          ...norm(`${at}.layer_norm2`, width),
        ];
      }),
      ...norm(`${root}.final_layer_norm`, width),
    ];
  }
  return [
    [`${root}.positional_embedding`, [77, width]],
    ...(config.projection
      ? [[`${root}.text_projection`, [width, config.projection]] as [string, number[]]]
      : []),
    [`${root}.token_embedding.weight`, [vocab, width]],
    ...count((i): Entries => {
      const at = `${root}.transformer.resblocks.${i}`;
      return [
        ...norm(`${at}.ln_1`, width),
        [`${at}.attn.in_proj_weight`, [3 * width, width]],
        [`${at}.attn.in_proj_bias`, [3 * width]],
        ...layer(`${at}.attn.out_proj`, width, width),
        ...norm(`${at}.ln_2`, width),
        ...layer(`${at}.mlp.c_fc`, intermediate, width),
        ...layer(`${at}.mlp.c_proj`, width, intermediate),
      ];
    }),
    ...norm(`${root}.ln_final`, width),
  ];
}

const clip = { layout: "clip", root: "cond_stage_model.transformer.text_model" } as const;
const openClip = { layout: "open_clip", root: "cond_stage_model.model" } as const;
const clip1 = { layout: "clip", root: "conditioner.embedders.0.transformer.text_model" } as const;
const openClip2 = { layout: "open_clip", root: "conditioner.embedders.1.model" } as const;

const SD1_UNET = { channels: 320, mult: [1, 2, 4, 4], resBlocks: 2, depth: [1, 1, 1, 0], middleDepth: 1 };
const SDXL_UNET = { channels: 320, mult: [1, 2, 4], resBlocks: 2, depth: [0, 2, 10], middleDepth: 10 };

/** The real sizes. */
export const SD15: ModelConfig = {
  unet: { ...SD1_UNET, context: 768, projection: "conv" },
  text: [{ ...clip, width: 768, layers: 12, intermediate: 3072 }],
};
export const SD21: ModelConfig = {
  unet: { ...SD1_UNET, context: 1024, projection: "linear" },
  text: [{ ...openClip, width: 1024, layers: 24, intermediate: 4096 }],
};
export const SDXL: ModelConfig = {
  unet: { ...SDXL_UNET, context: 2048, projection: "linear", vector: 2816 },
  text: [
    { ...clip1, width: 768, layers: 12, intermediate: 3072 },
    { ...openClip2, width: 1280, layers: 32, intermediate: 5120, projection: 1280 },
  ],
};

/** The models of the golden data, three megabytes each. */
export const SD1_TINY: ModelConfig = {
  unet: { ...SD1_UNET, channels: 32, context: 64, projection: "conv" },
  text: [{ ...clip, width: 64, layers: 3, intermediate: 256 }],
};
export const SDXL_TINY: ModelConfig = {
  unet: {
    ...SDXL_UNET,
    channels: 64,
    depth: [0, 1, 2],
    middleDepth: 2,
    context: 192,
    projection: "linear",
    vector: 1664,
  },
  text: [
    { ...clip1, width: 64, layers: 12, intermediate: 256 },
    { ...openClip2, width: 128, layers: 4, intermediate: 512, projection: 128 },
  ],
};
