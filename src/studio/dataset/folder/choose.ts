/** Which pictures of a folder are shown, and in which order: those without a caption come first. */

import { byCodePoint } from "../../../text/code_points.ts";
import { tagsOf } from "../captions/tags.ts";
import type { Counts, Standing } from "../shown.ts";
import type { ListedPicture } from "./listing.ts";

export const SHOWN = ["all", "missing", "empty", "captioned", "problems", "left_out"] as const;

export interface Wish {
  readonly shown: (typeof SHOWN)[number];
  /** Words that all stand in the name or the caption, in any letter case. */
  readonly search: string;
  /** Tags that all are there, and tags of which none is. */
  readonly tags: readonly string[];
  readonly without: readonly string[];
  /** Only these names, where somebody knows them: those of a bucket. */
  readonly among: ReadonlySet<string> | null;
}

/** What is asked of pictures besides their listing. */
export interface PictureMarks {
  isLeftOut(name: string): boolean;
  /** What was found when it was looked at. */
  problemOf(picture: ListedPicture): string | null;
}

export function standingOf({ caption: { text, problem } }: ListedPicture): Standing {
  if (text === null && problem === null) return "missing";
  return text?.trim() === "" ? "empty" : "captioned";
}

const RANK: Readonly<Record<Standing, number>> = { missing: 0, empty: 1, captioned: 2 };

export function choosePictures(
  pictures: Iterable<ListedPicture>,
  wish: Wish,
  marks: PictureMarks,
): ListedPicture[] {
  const words = wish.search.toLowerCase().split(/\s+/).filter((word) => word !== "");
  return [...pictures].filter((picture) =>
    isShown(picture, wish.shown, marks) && hasWords(picture, words) && hasTags(picture, wish) &&
    (wish.among?.has(picture.name) ?? true)
  ).sort((a, b) => RANK[standingOf(a)] - RANK[standingOf(b)] || byCodePoint(a.name, b.name));
}

export function countPictures(pictures: Iterable<ListedPicture>, marks: PictureMarks): Counts {
  const counts = { all: 0, missing: 0, empty: 0, captioned: 0, problems: 0, leftOut: 0 };
  for (const picture of pictures) {
    counts.all++;
    counts[standingOf(picture)]++;
    if (marks.problemOf(picture) !== null) counts.problems++;
    if (marks.isLeftOut(picture.name)) counts.leftOut++;
  }
  return counts;
}

function isShown(picture: ListedPicture, shown: Wish["shown"], marks: PictureMarks): boolean {
  if (shown === "all") return true;
  if (shown === "problems") return marks.problemOf(picture) !== null;
  return shown === "left_out" ? marks.isLeftOut(picture.name) : standingOf(picture) === shown;
}

function hasWords({ name, caption }: ListedPicture, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const text = `${name}\n${caption.text ?? ""}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function hasTags({ caption }: ListedPicture, { tags, without }: Wish): boolean {
  if (tags.length === 0 && without.length === 0) return true;
  const there = new Set((caption.text ?? "").split("\n").flatMap(tagsOf));
  return tags.every((tag) => there.has(tag)) && !without.some((tag) => there.has(tag));
}
