/** What a training saves, onto the hub: one commit a file or folder, one after the other. */

import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { UsageError } from "../base/errors.ts";
import { isFolder } from "../base/files/exists.ts";
import { REPO_TYPES } from "../base/files/hub_name.ts";
import type { JobContext } from "../base/job.ts";
import { type HubSettings, hubSettings } from "./place.ts";

/** sd-scripts' flags. */
export interface UploadConfig {
  readonly huggingfaceRepoId: string | null;
  readonly huggingfaceRepoType: string | null;
  readonly huggingfacePathInRepo: string | null;
  readonly huggingfaceToken: string | null;
  readonly huggingfaceRepoVisibility: string | null;
  readonly asyncUpload: boolean;
}

/** Throws UsageError, before a training starts, for uploads that cannot work. */
export function checkUploads(config: UploadConfig): void {
  const { huggingfaceRepoId: repo, huggingfaceRepoType: type } = config;
  if (repo === null) return;
  if (!/^[\w.-]+\/[\w.-]+$/.test(repo)) {
    throw new UsageError(`--huggingface_repo_id ${repo}: is no owner/name`);
  }
  if (type !== null && !REPO_TYPES.some((known) => known === type)) {
    throw new UsageError(`--huggingface_repo_type ${type}: is none of ${REPO_TYPES.join(", ")}`);
  }
  const { offline, token } = hubSettings(config.huggingfaceToken);
  if (offline) {
    throw new UsageError(`--huggingface_repo_id ${repo}: HF_HUB_OFFLINE forbids to upload; unset it`);
  }
  if (token === null) {
    throw new UsageError(
      `--huggingface_repo_id ${repo}: uploads want a token; give --huggingface_token or set HF_TOKEN`,
    );
  }
}

export class Uploads {
  #last: Promise<void> = Promise.resolve();
  #known = false;
  readonly #settings: HubSettings;

  private constructor(private readonly config: UploadConfig, private readonly context: JobContext) {
    this.#settings = hubSettings(config.huggingfaceToken);
  }

  /** null where none are wanted. */
  static open(config: UploadConfig, context: JobContext): Uploads | null {
    return config.huggingfaceRepoId === null ? null : new Uploads(config, context);
  }

  /** Begins to upload a file or folder once what was added before is there. What fails is told, and training goes on. */
  add(path: string): void {
    this.#last = this.#last.then(() => this.#upload(path)).catch((error: Error & { statusCode?: number }) => {
      const why = error.statusCode === undefined
        ? error.message.split("\n")[0].slice(0, 200)
        : `the hub answers ${error.statusCode}`;
      this.context.warn(
        `${path}: was not uploaded to ${this.config.huggingfaceRepoId} (${why}); it is on the disk`,
      );
    });
  }

  /** Waits for what was added: at the end always, before it unless --async_upload. */
  async settle(atEnd: boolean): Promise<void> {
    if (atEnd || !this.config.asyncUpload) await this.#last;
  }

  async #upload(path: string): Promise<void> {
    const { createRepo, repoExists, uploadFiles } = await import("@huggingface/hub");
    const { huggingfaceRepoId: name, huggingfaceRepoType: type, huggingfacePathInRepo: start } = this.config;
    const repo = { name: name!, type: REPO_TYPES.find((known) => known === type) ?? "model" };
    const common = { repo, hubUrl: this.#settings.endpoint, accessToken: this.#settings.token! };
    if (!this.#known && !await repoExists(common)) {
      const visibility = this.config.huggingfaceRepoVisibility === "public" ? "public" : "private";
      await createRepo({ ...common, visibility });
    }
    this.#known = true;
    const place = [start, basename(path)].filter((part) => part).join("/");
    const files = filesOf(path).map((inner) => ({
      path: inner === "" ? place : `${place}/${inner}`,
      content: pathToFileURL(join(path, inner)),
    }));
    await uploadFiles({ ...common, files, commitTitle: `Upload ${place}` });
    this.context.log(`uploaded ${path} to ${name}/${place}`);
  }
}

/** Paths below a folder; the file itself is "". */
function filesOf(path: string, inner = ""): string[] {
  if (!isFolder(join(path, inner))) return [inner];
  return [...Deno.readDirSync(join(path, inner))].flatMap(({ name }) =>
    filesOf(path, inner === "" ? name : `${inner}/${name}`)
  );
}
