/** Where models of the Hugging Face hub come from and where they lie, as Python's huggingface_hub has it. */

import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { isFile } from "../base/files/exists.ts";
import type { HubName } from "../base/files/hub_name.ts";

/** What the environment says. */
export interface HubSettings {
  /** HF_ENDPOINT. */
  readonly endpoint: string;
  /** HF_HUB_CACHE, or "hub" below HF_HOME. */
  readonly cache: string;
  /** HF_HUB_OFFLINE. */
  readonly offline: boolean;
  /** HF_TOKEN, or the one that was saved by a login. Never shown. */
  readonly token: string | null;
}

/** `given` is a token that goes before that of the environment. */
export function hubSettings(given: string | null = null): HubSettings {
  const env = (name: string) => Deno.env.get(name) || undefined;
  const user = env("HOME") ?? env("USERPROFILE") ?? ".";
  const home = env("HF_HOME") ?? join(env("XDG_CACHE_HOME") ?? join(user, ".cache"), "huggingface");
  const tokenFile = env("HF_TOKEN_PATH") ?? join(home, "token");
  const saved = isFile(tokenFile) ? Deno.readTextFileSync(tokenFile).trim() : "";
  const endpoint = env("HF_ENDPOINT") ?? "https://huggingface.co";
  if (!/^https?:\/\//.test(endpoint)) {
    throw new UserError(
      `HF_ENDPOINT ${endpoint}: is no address; set it to one such as https://huggingface.co`,
    );
  }
  return {
    endpoint: endpoint.replace(/\/+$/, ""),
    cache: env("HF_HUB_CACHE") ?? env("HUGGINGFACE_HUB_CACHE") ?? join(home, "hub"),
    offline: /^(1|on|yes|true)$/i.test(env("HF_HUB_OFFLINE") ?? ""),
    token: given || env("HF_TOKEN") || env("HUGGING_FACE_HUB_TOKEN") || saved || null,
  };
}

/** The folder of a repository in the cache. */
export function repoFolder(
  { cache }: Pick<HubSettings, "cache">,
  { repo, type = "model" }: Pick<HubName, "repo" | "type">,
): string {
  return join(cache, `${type}s--${repo.replaceAll("/", "--")}`);
}

/** The model's name, of a path inside the cache; null for other paths. */
export function nameInCache(path: string): string | null {
  const [, owner, name] = /(?:^|[/\\])models--(.+?)--(.+?)[/\\]snapshots[/\\]/.exec(path) ?? [];
  return owner === undefined ? null : `${owner}/${name}`;
}
