/** What a row of an option is made of. */

export * from "./row.ts";
export {
  camel,
  type ConfigOf,
  forgottenGroup,
  type Group,
  group,
  idleGroup,
  type Rows,
  rowsOf,
  withDefaults,
} from "./group.ts";
export { LONGEST_RUN, RATE, SEEDS, SHARE, SIDE } from "./ranges.ts";
