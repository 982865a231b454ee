/** Names of models on the Hugging Face hub, where a path to a model may stand. */

import { exists } from "./exists.ts";

export const REPO_TYPES = ["model", "dataset", "space"] as const;
export type RepoType = typeof REPO_TYPES[number];

/** A model, or a file in it, at a revision. */
export interface HubName {
  readonly repo: string;
  /** Absent: a model. */
  readonly type?: RepoType;
  readonly file: string | null;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

const PART = "[A-Za-z0-9][\\w.-]*";
const REVISION = "[A-Za-z0-9][\\w.-]*(?:/[\\w.-]+)*";
const NAME = new RegExp(`^(${PART}/${PART})(?:@(${REVISION}))?$`);
/** What is behind the hub's host in an address: a model, and perhaps a file in it. */
const PAGE = new RegExp(`^(${PART}/${PART})(?:/(?:blob|resolve|tree)/([\\w.-]+)(?:/([^?#]+))?)?(?:[?#].*)?$`);

/** Hosts of the hub, besides that of HF_ENDPOINT. */
const HOSTS = ["https://huggingface.co/", "https://hf.co/"];

/** Files that are no models of the hub but paths with a typing error. */
const MODEL_FILE = /\.(safetensors|ckpt|pt|pth|bin|json|toml)$/i;

/**
 * "owner/name", "owner/name@revision", or the address of a model or of a file in it on the hub's pages. null for whatever
 * is on the disk, and for what cannot be such a name.
 */
export function hubName(text: string): HubName | null {
  if (exists(text) || /(^|[/@])\.\.?(\/|$)/.test(text)) return null;
  const [, repo, revision = "main"] = MODEL_FILE.test(text) ? [] : NAME.exec(text) ?? [];
  if (repo !== undefined) return { repo, file: null, revision };
  const endpoint = Deno.env.get("HF_ENDPOINT"),
    hosts = endpoint ? [...HOSTS, `${endpoint.replace(/\/+$/, "")}/`] : HOSTS;
  const host = hosts.find((start) => text.startsWith(start));
  const [, named, at = "main", file = null] = host ? PAGE.exec(text.slice(host.length)) ?? [] : [];
  return named === undefined ? null : { repo: named, file: file && decodeURIComponent(file), revision: at };
}
