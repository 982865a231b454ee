/** Folders of states: what they hold, how they are put in their places and removed (base/files/whole_folder.ts). */
import { join } from "node:path";
import { exchange } from "../../../ffi/exchange.ts";
import { parseTemporary } from "../../base/files/temporary.ts";
import {
  type FolderKind,
  removeFolder,
  tidyFolders,
  writeFolder as writeWhole,
} from "../../base/files/whole_folder.ts";
import { STATE_FILE, TENSOR_FILE } from "./format.ts";

type Tell = (line: string) => void;

/** Begins the state.json of every version. */
const BEGINNING = '{"format":"easel training state ';

const STATES: FolderKind = {
  what: "a training state",
  holdsOnly: holdsOnlyState,
  mark: STATE_FILE,
  exchange,
};

/** Puts what `fill` writes into a new folder in the place of `path`. Throws what the system says. */
export function writeFolder(path: string, fill: (folder: string) => void, tell: Tell): void {
  writeWhole(path, STATES, fill, tell);
}

/** Removes a state that is no longer wanted. A link to one is removed alone. */
export function removeState(path: string, tell: Tell): void {
  removeFolder(path, STATES, tell);
}

/** Clears away what killed processes left of folders for which `wanted(NAME)` holds, and says so. */
export function tidyStates(folder: string, wanted: (name: string) => boolean, tell: Tell): void {
  tidyFolders(folder, wanted, STATES, tell);
}

/** Whether a folder holds nothing but files of a state, some or all of them. */
function holdsOnlyState(folder: string): boolean {
  if (!isRealFolder(folder)) return false;
  return [...Deno.readDirSync(folder)].every(({ name, isFile }) => {
    const becoming = parseTemporary(name)?.target ?? name.replace(/\.\d+\.tmp$/, "");
    if (!isFile || becoming !== TENSOR_FILE && becoming !== STATE_FILE) return false;
    return name !== STATE_FILE || begins(join(folder, name));
  });
}

function begins(path: string): boolean {
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(BEGINNING.length);
  file.readSync(bytes);
  return new TextDecoder().decode(bytes) === BEGINNING;
}

/** A folder, and no link to one. */
function isRealFolder(path: string): boolean {
  try {
    return Deno.lstatSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
