/** The server: from folders and options to a link. */

import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import { UserError } from "../../base/errors.ts";
import type { StudioConfig } from "../options.ts";
import { jobsFolder } from "../queue/job.ts";
import { keepQueue, runningJobs, stopJobs } from "../queue/keep.ts";
import type { Catalogue, Studio } from "../studio.ts";
import { openFolders } from "./folders.ts";
import { openGuard } from "./guard.ts";
import { handle } from "./handler.ts";
import { keptFolders } from "./kept_folders.ts";
import { ROUTES, TOPICS } from "./routes.ts";

const USUAL_PORT = 7860;

export interface ServeParts {
  readonly config: Pick<StudioConfig, "port" | "listen" | "token" | "state" | "stopJobs">;
  /** At least one. */
  readonly folders: readonly string[];
  readonly catalogue: Catalogue;
  readonly launch: readonly string[];
  /** The folder of the bundled page. */
  readonly page: string;
  /** Ends the server. */
  readonly signal: AbortSignal;
  report(line: string): void;
}

export interface Serving {
  /** With the token. */
  readonly link: string;
  readonly home: string;
  /** When it has ended; how many jobs go on without it. */
  readonly finished: Promise<number>;
}

/** Throws UserError for folders that there are not and a port that is taken. */
export function openServer(parts: ServeParts): Serving {
  const { config, signal } = parts;
  const roots = parts.folders.map(existing);
  const home = resolve(config.state ?? join(Deno.realPathSync(roots[0]), ".easel"));
  const folders = openFolders(roots, keptFolders(home), jobsFolder({ home }));
  const studio: Studio = { home, folders, catalogue: parts.catalogue, launch: parts.launch, signal };
  const token = config.token ?? randomBytes(24).toString("base64url");
  const host = config.listen ?? "127.0.0.1";
  // The port decides what the guard takes for its own name.
  let port = 0;
  let guard: ReturnType<typeof openGuard> | undefined;
  const server = listen(host, config.port, (request) => {
    guard ??= openGuard(token, port, config.listen);
    const { page, report } = parts;
    return handle(request, { studio, guard, page, routes: ROUTES, topics: TOPICS, report });
  });
  port = server.addr.port;
  signal.addEventListener("abort", () => server.shutdown(), { once: true });
  keepQueue(studio);
  const link = `http://${linkHost(host)}:${port}/?token=${encodeURIComponent(token)}`;
  const finished = server.finished.then(() => leave(studio, config.stopJobs));
  return { link, home, finished };
}

/** What becomes of jobs that run. */
function leave(studio: Studio, stop: boolean): number {
  if (!stop) return runningJobs(studio);
  stopJobs(studio);
  return 0;
}

function listen(
  hostname: string,
  port: number | null,
  handler: (request: Request) => Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  const open = (port: number) => Deno.serve({ hostname, port, onListen() {} }, handler);
  try {
    return open(port ?? USUAL_PORT);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AddrInUse)) {
      throw new UserError(`${hostname}: cannot be listened on (${(cause as Error).message})`, { cause });
    }
    if (port === null) return open(0);
    throw new UserError(`port ${port} is taken by another program; give --port another one, or none`, {
      cause,
    });
  }
}

function existing(folder: string): string {
  try {
    if (Deno.statSync(folder).isDirectory) return folder;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new UserError(`${folder}: there is no such folder; make it, or name another`, { cause });
  }
  throw new UserError(`${folder}: is no folder; name the one that it lies in`);
}

/** Every address of the machine is none that a browser could go to. */
function linkHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
