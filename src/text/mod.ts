/** Text to token ids: CLIP's tokenizer, chunks, prompt weights, dynamic prompts. */
export * from "./added_words.ts";
export * from "./chunks.ts";
export * from "./clip_tokenizer.ts";
export * from "./dynamic_prompts.ts";
export * from "./lora_tags.ts";
export * from "./prompt_weights.ts";
export * from "./weighted_tokens.ts";
