/** From a tagger's probabilities to a picture's tags, in the order of sd-scripts' tag_images_by_wd14_tagger.py. */

import { UserError } from "../../base/errors.ts";
import type { TaggerConfig } from "./options.ts";
import type { TagNames } from "./tag_names.ts";

export interface ChosenTags {
  /** As they are written. */
  readonly all: readonly string[];
  readonly rating: string;
  readonly general: readonly string[];
  readonly character: readonly string[];
}

/** The first so many outputs are ratings. */
const RATINGS = 4;

export class TagChooser {
  readonly #undesired: ReadonlySet<string>;
  readonly #first: readonly string[];
  /** Tags by how often they were given, in the order in which they came up. */
  readonly frequency = new Map<string, number>();

  constructor(private readonly names: TagNames, private readonly config: TaggerConfig) {
    this.#undesired = new Set(splitTags(config.undesiredTags, config.captionSeparator));
    this.#first = firstTags(config);
  }

  /** Throws UserError where the model has more outputs than the list has tags. */
  choose(probabilities: Float32Array): ChosenTags {
    const { config, names: { general, character } } = this;
    const lowest = [config.generalThreshold ?? config.thresh, config.characterThreshold ?? config.thresh];
    const all: string[] = [], found: [string[], string[]] = [[], []];
    probabilities.subarray(RATINGS).forEach((p, i) => {
      const kind = i < general.length ? 0 : 1;
      if (!(p >= Math.fround(lowest[kind]))) return;
      const tag = kind === 0 ? general[i] : character[i - general.length];
      if (tag === undefined) {
        throw new UserError(
          `the model has ${probabilities.length} outputs, selected_tags.csv ${
            RATINGS + general.length + character.length
          } tags; get both from one place`,
        );
      }
      if (!this.#count(tag)) return;
      found[kind].push(tag);
      if (kind === 1 && config.characterTagsFirst) all.unshift(tag);
      else all.push(tag);
    });
    const rating = this.#rating(probabilities, all);
    this.#toFront(all);
    return { all, rating, general: found[0], character: found[1] };
  }

  /** False for what is not wanted. */
  #count(tag: string): boolean {
    if (this.#undesired.has(tag)) return false;
    this.frequency.set(tag, (this.frequency.get(tag) ?? 0) + 1);
    return true;
  }

  #rating(probabilities: Float32Array, all: string[]): string {
    const { useRatingTags, useRatingTagsAsLastTag } = this.config;
    if (!useRatingTags && !useRatingTagsAsLastTag) return "";
    const ratings = probabilities.subarray(0, RATINGS);
    const tag = this.names.rating[ratings.indexOf(Math.max(...ratings))];
    if (tag === undefined) throw new UserError("selected_tags.csv has too few ratings (category 9)");
    if (!this.#count(tag)) return "";
    if (useRatingTags) all.unshift(tag);
    else all.push(tag);
    return tag;
  }

  /** Each tag that is there moves to the front, the last of the list first. */
  #toFront(all: string[]): void {
    for (const tag of this.#first) {
      const at = all.indexOf(tag);
      if (at < 0) continue;
      all.splice(at, 1);
      all.unshift(tag);
    }
  }
}

/** As they are to be moved to the front; sd-scripts 0.9.1 keeps blanks and ends in the reverse order. */
function firstTags({ alwaysFirstTags, captionSeparator, compat }: TaggerConfig): string[] {
  if (alwaysFirstTags === null) return [];
  if (compat === null) return splitTags(alwaysFirstTags, captionSeparator).reverse();
  return alwaysFirstTags.split(separatorOf(captionSeparator)).filter((tag) => tag.trim() !== "");
}

/** Tags of a list or a caption, without blanks around them. */
export function splitTags(text: string, separator: string): string[] {
  return text.split(separatorOf(separator)).map((tag) => tag.trim()).filter((tag) => tag !== "");
}

function separatorOf(separator: string): string {
  const stripped = separator.trim();
  if (stripped !== "") return stripped;
  throw new UserError(
    `--caption_separator "${separator}": blanks alone cannot be told from those in tags; give one with a sign`,
  );
}
