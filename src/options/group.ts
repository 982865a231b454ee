/** Options that belong together, and what follows from them: the type of a config, its values where nothing is given. */

import { type AnyOption, forgotten, noEffect, type Option, type RequiredOption, type Scalar } from "./row.ts";

/** Options by name, in the order of the help. */
export type Rows = Readonly<Record<string, AnyOption>>;

/** Options under one heading of the help. */
export interface Group<R extends Rows = Rows> {
  readonly title: string;
  readonly rows: R;
}

export function group<R extends Rows>(title: string, rows: R): Group<R> {
  return { title, rows };
}

/** Options that a state does not remember, for they change no result. */
export function forgottenGroup<R extends Rows>(title: string, rows: R): Group<R> {
  return group(
    title,
    Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, forgotten(row)])) as R,
  );
}

/** The same options where they decide nothing; `why` ends the sentence "--x has no effect: ". */
export function idleGroup({ title, rows }: Group, why: string): Group<Record<never, never>> {
  const idle = Object.entries(rows).map(([name, row]) => [name, noEffect(why, { ...row, required: false })]);
  return { title: `${title} (without effect)`, rows: Object.fromEntries(idle) };
}

/** The rows of all groups by name. */
export function rowsOf(groups: readonly Group[]): Rows {
  return Object.assign({}, ...groups.map(({ rows }) => rows));
}

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}`
  : S;
type ValueOf<F> = F extends RequiredOption<infer T extends Scalar | string[] | number[]> ? T
  : F extends Option<infer T> ? T
  : never;

/** `min_snr_gamma: Option<number | null>` gives `minSnrGamma: number | null`. */
type Values<R> = {
  readonly [K in keyof R & string as R[K] extends { idle: true } ? never : Camel<K>]: ValueOf<R[K]>;
};

type Intersection<U> = (U extends unknown ? (x: U) => void : never) extends (x: infer I) => void ? I : never;

/** Distributes over the union of groups. */
type GroupValues<G> = G extends Group<infer R> ? Values<R> : never;

/** What a job is told: the values of one group, or of several as one object, by their names in camelCase. */
export type ConfigOf<G extends Group | readonly Group[]> = Readonly<
  Intersection<GroupValues<G extends readonly Group[] ? G[number] : G>>
>;

export function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, c: string) => c.toUpperCase());
}

type Needed<R> = {
  [K in keyof R & string as R[K] extends { required: true } ? Camel<K> : never]: ValueOf<R[K]>;
};
type GroupNeeds<G> = G extends Group<infer R> ? Needed<R> : never;

/** The config of a job that is told no more than `given`, which has at least what is required. */
export function withDefaults<const G extends readonly Group[]>(
  groups: G,
  given: Partial<ConfigOf<G>> & Intersection<GroupNeeds<G[number]>>,
): ConfigOf<G> {
  const defaults = Object.entries(rowsOf(groups)).map(([name, row]) => [camel(name), row.default]);
  return { ...Object.fromEntries(defaults), ...given };
}
