/** A tagger's list of tags (selected_tags.csv), by what they are, under the names that are written. */

import { UserError } from "../../base/errors.ts";
import { fileText } from "../../base/files/regular_file.ts";
import type { TaggerConfig } from "./options.ts";

export interface TagNames {
  readonly rating: readonly string[];
  readonly general: readonly string[];
  readonly character: readonly string[];
}

type Naming = Pick<
  TaggerConfig,
  "characterTagExpand" | "captionSeparator" | "removeUnderscore" | "tagReplacement"
>;

/** Ratings are category 9, general tags 0, characters 4. Throws UserError for another kind of file. */
export function readTagNames(path: string, naming: Naming, log: (line: string) => void): TagNames {
  const [header = [], ...rows] = csvRows(fileText(path));
  if (header.slice(0, 3).join() !== "tag_id,name,category") {
    throw new UserError(
      `${path}: begins with the columns ${
        header.join(",")
      }; tag_id,name,category are wanted, get the model's own file`,
    );
  }
  const short = rows.findIndex((row) => row.length < 3);
  if (short >= 0) throw new UserError(`${path}: line ${short + 2} has ${rows[short].length} columns of 3`);
  const of = (category: string) => rows.filter((row) => row[2] === category).map((row) => row[1]);
  const expand = (tag: string) => naming.characterTagExpand ? expanded(tag, naming.captionSeparator) : tag;
  const plain = (tag: string) =>
    naming.removeUnderscore && [...tag].length > 3 ? tag.replaceAll("_", " ") : tag;
  const names = {
    rating: of("9").map(plain),
    general: of("0").map(plain),
    character: of("4").map(expand).map(plain),
  };
  if (naming.tagReplacement !== null) replace(names, naming.tagReplacement, log);
  return names;
}

/** name_(costume)_(series) -> name_(costume), series */
function expanded(tag: string, separator: string): string {
  if (!tag.endsWith(")")) return tag;
  const parts = tag.split("(");
  const name = parts.slice(0, -1).join("(").replace(/_$/, "");
  return name + separator + parts.at(-1)!.replaceAll(")", "");
}

/** The first tag of a source's name gets the target's; a source that is none is passed over. */
function replace(names: Record<keyof TagNames, string[]>, text: string, log: (line: string) => void): void {
  for (const pair of parted(text, ";")) {
    const [source, target, ...more] = parted(pair, ",").map((part) => part.replace(/\\([,;])/g, "$1"));
    if (target === undefined || more.length > 0) {
      throw new UserError(
        `--tag_replacement ${text}: "${pair}" is no source,target; write \\, for a comma in a tag`,
      );
    }
    log(`replacing tag: ${source} -> ${target}`);
    for (const list of [names.general, names.character, names.rating]) {
      const at = list.indexOf(source);
      if (at < 0) continue;
      list[at] = target;
      break;
    }
  }
}

/** Split at separators that have no backslash before them. */
function parted(text: string, separator: string): string[] {
  return text.split(new RegExp(`(?<!\\\\)${separator}`));
}

/** Rows of a CSV file; quotes may hold commas, line ends and doubled quotes. Empty lines are left out. */
function csvRows(text: string): string[][] {
  const rows: string[][] = [[]];
  const cell = /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r\n|\r|\n|$)/gy;
  for (let match; (match = cell.exec(text)) && cell.lastIndex <= text.length;) {
    const [, quoted, plain, end] = match;
    rows.at(-1)!.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== "," && end !== "") rows.push([]);
    if (end === "") break;
  }
  return rows.filter((row) => row.length > 1 || (row.length === 1 && row[0] !== ""));
}
