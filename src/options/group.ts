/** Options that belong together, and what follows from them: the type of a config, its values where nothing is given. */

import type { AnyOption, Option } from "./row.ts";

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

/** The rows of all groups by name. */
export function rowsOf(groups: readonly Group[]): Rows {
  return Object.assign({}, ...groups.map(({ rows }) => rows));
}

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}`
  : S;
type ValueOf<F> = F extends Option<infer T> ? T : never;

/** `min_snr_gamma: Option<number | null>` gives `minSnrGamma: number | null`. */
type Values<R> = { readonly [K in keyof R & string as Camel<K>]: ValueOf<R[K]> };

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
