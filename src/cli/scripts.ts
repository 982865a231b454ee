/** sd-scripts' scripts by name: which easel command one is, and which easel does not have yet. */

/** Scripts that are another command here, and the flags that this implies. */
export const SCRIPT_ALIASES: Readonly<Record<string, readonly [command: string, ...flags: string[]]>> = {
  gen_img_diffusers: ["gen_img"],
  sdxl_gen_img: ["gen_img", "--sdxl"],
};

/** Known by name only: a pasted command line should hear that, and not that it is misspelt. */
export const SCRIPTS_NOT_YET: readonly string[] = [
  "anima_minimal_inference",
  "anima_train",
  "anima_train_network",
  "cache_latents",
  "cache_text_encoder_outputs",
  "canny",
  "check_lora_weights",
  "clean_captions_and_tags",
  "convert_anima_lora_to_comfy",
  "convert_diffusers20_original_sd",
  "convert_diffusers_to_flux",
  "convert_flux_lora",
  "convert_hunyuan_image_lora_to_comfy",
  "detect_face_rotate",
  "extract_lora_from_dylora",
  "extract_lora_from_models",
  "flux_extract_lora",
  "flux_merge_lora",
  "flux_minimal_inference",
  "flux_train",
  "flux_train_control_net",
  "flux_train_network",
  "hunyuan_image_minimal_inference",
  "hunyuan_image_train_network",
  "latent_upscaler",
  "lora_diffusers",
  "lora_interrogator",
  "lumina_minimal_inference",
  "lumina_train",
  "lumina_train_network",
  "make_captions",
  "make_captions_by_git",
  "merge_captions_to_metadata",
  "merge_dd_tags_to_metadata",
  "merge_lora_old",
  "merge_models",
  "merge_sd3_safetensors",
  "prepare_buckets_latents",
  "resize_images_to_resolution",
  "sd3_minimal_inference",
  "sd3_train",
  "sd3_train_network",
  "sdxl_merge_lora",
  "sdxl_minimal_inference",
  "sdxl_train",
  "sdxl_train_control_net",
  "sdxl_train_control_net_lllite",
  "sdxl_train_control_net_lllite_old",
  "sdxl_train_textual_inversion",
  "show_metadata",
  "svd_merge_lora",
  "tag_images_by_wd14_tagger",
  "train_control_net",
  "train_controlnet",
  "train_db",
  "train_textual_inversion",
  "train_textual_inversion_XTI",
];

/** "networks/resize_lora.py", "networks\\resize_lora.py" and "resize-lora" -> "resize_lora". */
export function scriptName(word: string): string {
  return word.replace(/^.*[/\\]/, "").replace(/\.py$/, "").replaceAll("-", "_");
}
