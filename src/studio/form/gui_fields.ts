/** Fields of kohya_ss's forms that are no flags: what their files hold besides, which is left out with a word and no mistake. */

const FIELDS = new Set(
  `
  LoRA_type LyCORIS_preset batch_size block_alphas block_dims block_lr_zero_threshold bypass_mode
  caption_metadata_filename constrain conv_alpha conv_alphas conv_block_alphas conv_block_dims conv_dim conv_dims
  create_buckets create_caption decompose_both dora_wd down_lr_weight dynamo_mode dynamo_use_dynamic
  dynamo_use_fullgraph enable_all_linear extra_accelerate_launch_args factor full_path
  generate_caption_database generate_image_buckets ggpo_beta ggpo_sigma image_folder img_attn_dim img_mlp_dim
  img_mod_dim in_dims latent_metadata_filename lr_warmup main_process_port max_resolution mid_lr_weight model_list
  module_dropout multi_gpu num_cpu_threads_per_process num_machines num_processes optimizer rank_dropout
  rank_dropout_scale rescaled sdxl sdxl_cache_text_encoder_outputs sdxl_checkbox sdxl_no_half_vae single_dim
  single_mod_dim split_qkv stop_text_encoder_training_pct t5xxl_lr template train_dir train_lora_ggpo train_norm
  train_on_input txt_attn_dim txt_mlp_dim txt_mod_dim unit up_lr_weight use_cp use_latent_files use_scalar
  use_tucker
  `.trim().split(/\s+/),
);

/** Of models that easel does not know. */
const OTHER_MODELS = /^(flux1?|sd3|anima|lumina|hunyuan)_/;

export function isFormField(name: string): boolean {
  return FIELDS.has(name) || OTHER_MODELS.test(name);
}
