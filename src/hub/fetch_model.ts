/** Models by their name on the Hugging Face hub: from the cache that all programs share, or fetched into it. */

import { dirname, join } from "node:path";
import { UserError } from "../base/errors.ts";
import { exists, isFile } from "../base/files/exists.ts";
import { atomicWriteFile } from "../base/files/atomic.ts";
import { type HubName, REPO_TYPES, type RepoType } from "../base/files/hub_name.ts";
import type { JobContext } from "../base/job.ts";
import { type Choice, chooseFiles } from "./choose.ts";
import { downloadFile, type HubFile } from "./download.ts";
import { type HubSettings, repoFolder } from "./place.ts";

/** What stands before a repository's name in an address. */
const ADDRESS: Readonly<Record<RepoType, string>> = { model: "", dataset: "datasets/", space: "spaces/" };

/** What the hub says of a model at a revision. */
interface Listing {
  readonly commit: string;
  readonly files: readonly HubFile[];
}

/** The path of a file or folder in the cache. Throws UserError naming the model and what to do. */
export async function fetchModel(
  name: HubName,
  settings: HubSettings,
  context: JobContext,
  choose: Choose = (paths) => chosen(name, paths),
): Promise<string> {
  if (settings.offline) {
    const cached = inCache(name, settings, choose);
    if (cached) return cached;
    throw new UserError(
      `${shown(name)}: is not in the cache (${settings.cache}), and HF_HUB_OFFLINE forbids to fetch it`,
    );
  }
  let listing;
  try {
    listing = await list(name, settings, context);
  } catch (error) {
    const cached = error instanceof NoNetwork ? inCache(name, settings, choose) : null;
    if (!cached) throw error;
    context.warn(`${shown(name)}: the hub cannot be reached, what the cache has is used`);
    return cached;
  }
  return await download(name, listing, settings, context, choose);
}

/** From all files of a model to those that are wanted. Throws UserError where there are none. */
type Choose = (paths: readonly string[]) => Choice;

/**
 * A folder of a repository, with all that is below it: "owner/name/folder", "owner/name/folder:revision",
 * "owner/name/folder:revision:type", as sd-scripts' --resume_from_huggingface names a state. Throws UserError.
 */
export async function fetchFolder(text: string, settings: HubSettings, context: JobContext): Promise<string> {
  const [, repo, folder, revision = "main", type = "model"] =
    /^([\w.-]+\/[\w.-]+)\/([^:]+?)\/?(?::([^:]+))?(?::([^:]+))?$/.exec(text) ?? [];
  if (repo === undefined || !isInside(folder)) {
    throw new UserError(
      `${text}: is no folder on the hub; give owner/name/folder, with :revision where it is another than main`,
    );
  }
  const known = REPO_TYPES.find((known) => known === type);
  if (!known) throw new UserError(`${text}: ${type} is none of ${REPO_TYPES.join(", ")}`);
  return await fetchModel({ repo, type: known, file: null, revision }, settings, context, (paths) => {
    const files = paths.filter((path) => path.startsWith(`${folder}/`));
    if (files.length > 0) return { files, model: folder };
    throw new UserError(`${text}: ${repo} has no such folder`);
  });
}

async function download(
  name: HubName,
  { commit, files }: Listing,
  settings: HubSettings,
  context: JobContext,
  choose: Choose,
): Promise<string> {
  const choice = choose(files.map(({ path }) => path)), repo = repoFolder(settings, name);
  const wanted = files.filter(({ path }) => choice.files.includes(path));
  const folders = { repo, commit }, snapshot = join(repo, "snapshots", commit);
  const missing = wanted.filter(({ path }) => !exists(join(snapshot, path)));
  if (missing.length > 0) {
    const size = missing.reduce((sum, file) => sum + file.size, 0);
    context.log(
      `fetching ${shown(name)} from ${settings.endpoint}: ${missing.length} files, ${
        (size / 1e6).toFixed(0)
      } MB`,
    );
  }
  for (const file of missing) {
    const url = `${settings.endpoint}/${ADDRESS[name.type ?? "model"]}${name.repo}/resolve/${commit}/${
      file.path.split("/").map(encodeURIComponent).join("/")
    }`;
    await downloadFile(file, url, folders, settings, context);
  }
  // a revision is known offline once all of it is there
  if (name.revision !== commit) {
    const ref = refFile(repo, name.revision);
    Deno.mkdirSync(dirname(ref), { recursive: true });
    atomicWriteFile(ref, commit);
  }
  return choice.model === null ? snapshot : join(snapshot, choice.model);
}

/** The revision's commit, and all files. */
async function list(name: HubName, settings: HubSettings, context: JobContext): Promise<Listing> {
  const { listFiles, modelInfo, datasetInfo, spaceInfo } = await import("@huggingface/hub");
  const { type = "model" } = name;
  const common = {
    hubUrl: settings.endpoint,
    ...(settings.token && { accessToken: settings.token }),
    fetch: (input: string | URL | Request, init?: RequestInit) =>
      fetch(input, { ...init, signal: context.signal }),
  };
  try {
    const asked = { ...common, name: name.repo, revision: name.revision, additionalFields: ["sha" as const] };
    const { sha } = type === "dataset"
      ? await datasetInfo(asked)
      : type === "space"
      ? await spaceInfo(asked)
      : await modelInfo(asked);
    const files: HubFile[] = [];
    for await (
      const entry of listFiles({ ...common, repo: { name: name.repo, type }, revision: sha, recursive: true })
    ) {
      const etag = entry.lfs?.oid ?? entry.oid;
      // names and hashes from outside become paths
      if (entry.type !== "file" || !/^[0-9a-f]{40,64}$/.test(etag ?? "") || !isInside(entry.path)) continue;
      files.push({ path: entry.path, size: entry.size, etag: etag!, large: entry.lfs !== undefined });
    }
    if (!/^[0-9a-f]{40}$/.test(sha)) {
      throw new UserError(`${shown(name)}: the hub names no commit; is HF_ENDPOINT one?`);
    }
    return { commit: sha, files };
  } catch (cause) {
    context.signal.throwIfAborted();
    throw cause instanceof UserError ? cause : explained(name, settings, cause as Error);
  }
}

/** Nothing answers. */
class NoNetwork extends UserError {}

function explained(
  name: HubName,
  { endpoint, token }: HubSettings,
  cause: Error & { statusCode?: number },
): UserError {
  const status = cause.statusCode;
  if (status === 401 || status === 403 || status === 404) {
    const revision = name.revision === "main" ? "" : ` at ${name.revision}`;
    const login = token === null
      ? ", or one that wants a token (HF_TOKEN)"
      : ", or one that your token does not open";
    return new UserError(
      `${shown(name)}: is no file here and no ${name.type ?? "model"} of ${endpoint}${revision}${login}`,
      {
        cause,
      },
    );
  }
  const why = status === undefined ? cause.message.split("\n")[0].slice(0, 200) : `it answers ${status}`;
  const line = `${shown(name)}: is no file here, and ${endpoint} cannot be asked for it (${why}); ` +
    "check the path or the network, or give the path of a file";
  return status === undefined ? new NoNetwork(line, { cause }) : new UserError(line, { cause });
}

/** What the cache has of the revision, if that is a model. */
function inCache(name: HubName, settings: HubSettings, choose: Choose): string | null {
  const repo = repoFolder(settings, name), ref = refFile(repo, name.revision);
  const commit = isFile(ref) ? Deno.readTextFileSync(ref).trim() : name.revision;
  const snapshot = join(repo, "snapshots", commit);
  if (!/^[0-9a-f]{40}$/.test(commit) || !exists(snapshot)) return null;
  try {
    const choice = choose(below(snapshot));
    return choice.model === null ? snapshot : join(snapshot, choice.model);
  } catch {
    return null;
  }
}

function chosen(name: HubName, paths: readonly string[]): Choice {
  const { file } = name;
  if (file === null) return chooseFiles(shown(name), paths);
  if (paths.includes(file)) return { files: [file], model: file };
  throw new UserError(`${shown(name)}: ${name.repo} has no such file`);
}

/** All files below a folder that are there, not only their links. */
function below(folder: string, inner = ""): string[] {
  return [...Deno.readDirSync(join(folder, inner))].flatMap(({ name, isDirectory }) => {
    const path = inner === "" ? name : `${inner}/${name}`;
    return isDirectory ? below(folder, path) : exists(join(folder, path)) ? [path] : [];
  });
}

const refFile = (repo: string, revision: string) => join(repo, "refs", ...revision.split("/"));

const isInside = (path: string) =>
  path.split("/").every((part) => part !== "" && part !== "." && part !== "..") && !/[\\\0:]/.test(path);

const shown = ({ repo, file }: HubName) => file === null ? repo : `${repo}/${file}`;
