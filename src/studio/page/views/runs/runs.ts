import { html } from "../../parts/mod.ts";
import { RunList } from "./list.ts";
import { RunPage } from "./run.ts";

/** All runs, or the one that the address names. */
export function Runs({ rest: [id] }: { rest: readonly string[] }) {
  return id ? html`<${RunPage} key=${id} id=${id} />` : html`<${RunList} />`;
}
