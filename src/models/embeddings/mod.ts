/** Vectors of tokens, and those that textual inversion adds. */
export * from "./file.ts";
export * from "./save.ts";
export * from "./table.ts";
