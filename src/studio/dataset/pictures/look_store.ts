/**
 * What was seen of pictures, kept in one file of the studio's own: by path and what shows of it, as long as time and size
 * of the picture's file stay. It holds so much and no more; what was not looked at for longest goes first.
 */

import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { isLink } from "../../kept_file.ts";
import type { Looked, Shown } from "./look_task.ts";

/** Which bytes of a picture were seen. */
export interface FileStamp {
  /** Milliseconds since 1970. */
  readonly mtime: number;
  readonly bytes: number;
}

/** A picture that could be read, or why not. */
export type SeenPicture = Looked | { readonly problem: string };

const MOST_BYTES = 512 * 2 ** 20;
/** Room that is made at once. */
const SHARE = 0.1;
/** "ease" in ASCII: by it the file is known as ours. */
const OURS = 0x65617365;
/** Counted up when what is seen changes. */
const VERSION = 2;
/** When a picture was last shown is noted once an hour. */
const HOUR = 3_600_000;

const TABLE = `create table if not exists looks(
  path text, shown text, mtime real, bytes integer, width integer, height integer, alpha integer,
  hash text, colour integer, jpeg blob, problem text, used integer, size integer,
  primary key (path, shown)) strict, without rowid;
  create index if not exists by_use on looks(used);
  create index if not exists by_size on looks(size)`;

interface Row {
  mtime: number;
  bytes: number;
  width: number;
  height: number;
  alpha: number;
  hash: string;
  colour: number;
  jpeg: Uint8Array;
  problem: string | null;
  used: number;
}

export class LookStore implements Disposable {
  readonly #database: DatabaseSync;
  readonly #find: StatementSync;
  readonly #brief: StatementSync;
  readonly #put: StatementSync;
  readonly #use: StatementSync;
  #size: number;

  /** `home`: the studio's. A file there that is not ours is left alone, and what is seen is kept in memory. */
  constructor(home: string, private readonly most = MOST_BYTES) {
    this.#database = opened(join(home, "thumbnails"));
    const { user_version: version } = this.#database.prepare("pragma user_version").get()!;
    if (version !== VERSION) this.#database.exec("drop table if exists looks");
    this.#database.exec(`${TABLE}; pragma application_id = ${OURS}; pragma user_version = ${VERSION}`);
    const where = "from looks where path = ? and shown = ?";
    this.#find = this.#database.prepare(`select * ${where}`);
    this.#brief = this.#database.prepare(
      `select mtime, bytes, width, height, alpha, hash, colour, problem, used ${where}`,
    );
    this.#use = this.#database.prepare("update looks set used = ? where path = ? and shown = ?");
    this.#put = this.#database.prepare(
      "insert or replace into looks values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#size = Number(this.#database.prepare("select total(size) as size from looks").get()!.size);
  }

  /** With the small copy. Null where these bytes were not seen yet. */
  find(path: string, shown: Shown, stamp: FileStamp): SeenPicture | null {
    return this.#seen(this.#find.get(path, shown), path, shown, stamp);
  }

  /** Without the small copy, which is what takes time. */
  facts(path: string, stamp: FileStamp): Omit<Looked, "jpeg"> | { readonly problem: string } | null {
    return this.#seen(this.#brief.get(path, "colours"), path, "colours", stamp);
  }

  #seen(found: unknown, path: string, shown: Shown, stamp: FileStamp): SeenPicture | null {
    if (!found) return null;
    const row = found as Row;
    if (row.mtime !== stamp.mtime || row.bytes !== stamp.bytes) return null;
    if (Date.now() - row.used > HOUR) this.#use.run(Date.now(), path, shown);
    if (row.problem !== null) return { problem: row.problem };
    const { width, height, alpha, hash, colour, jpeg } = row;
    return { width, height, alpha: alpha === 1, hash, colour, jpeg };
  }

  put(path: string, shown: Shown, { mtime, bytes }: FileStamp, seen: SeenPicture): void {
    const looked = "problem" in seen ? null : seen;
    const size = path.length + (looked?.jpeg.length ?? 0) + 100;
    this.#put.run(
      ...[path, shown, mtime, bytes, looked?.width ?? 0, looked?.height ?? 0, looked?.alpha ? 1 : 0] as const,
      ...[looked?.hash ?? "", looked?.colour ?? 0, looked?.jpeg ?? null] as const,
      ...["problem" in seen ? seen.problem : null, Date.now(), size] as const,
    );
    this.#size += size;
    if (this.#size > this.most) this.#makeRoom();
  }

  /** Bytes that are kept, about. */
  get size(): number {
    return this.#size;
  }

  #makeRoom(): void {
    const rows = this.#database.prepare("select path, shown, size from looks order by used").iterate();
    const gone: [string, string][] = [], wanted = this.most * (1 - SHARE);
    this.#size = Number(this.#database.prepare("select total(size) as size from looks").get()!.size);
    for (const { path, shown, size } of rows) {
      if (this.#size <= wanted) break;
      gone.push([path as string, shown as string]);
      this.#size -= size as number;
    }
    const remove = this.#database.prepare("delete from looks where path = ? and shown = ?");
    this.#database.exec("begin");
    for (const key of gone) remove.run(...key);
    this.#database.exec("commit");
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

/** All of it can be made again, so nothing waits for the disk. */
const QUICK = "pragma busy_timeout = 2000; pragma journal_mode = wal; pragma synchronous = normal";

function opened(folder: string): DatabaseSync {
  let database: DatabaseSync | null = null;
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, "thumbnails.sqlite");
    if (isLink(folder) || isLink(path)) throw new Error("another program's");
    database = new DatabaseSync(path);
    const { application_id: id } = database.prepare("pragma application_id").get()!;
    const { count } = database.prepare("select count(*) as count from sqlite_master").get()!;
    if (id === OURS || count === 0) {
      database.exec(QUICK);
      return database;
    }
  } catch { /* no database, or a folder that cannot be written to */ }
  database?.close();
  return new DatabaseSync(":memory:");
}
