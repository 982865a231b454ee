/** Vectors of tokens, and those that textual inversion adds. */
export * from "./file.ts";
export * from "./save.ts";
export * from "./table.ts";
export * from "./text_blocks.ts";
export * from "./xti_file.ts";
