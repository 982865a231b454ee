/** What a row of an option is made of. */

export * from "./row.ts";
export { type ConfigOf, type Group, group, type Rows, rowsOf } from "./group.ts";
export { MOST_STEPS, RATE, SEEDS, SHARE, SIDE } from "./ranges.ts";
