/**
 * What clean_captions_and_tags makes of one caption and one line of tags (finetune/clean_captions_and_tags.py, clean_caption
 * and clean_tags). Tags are looked for as ", TAG, ", so each stands between commas of its own while they are cleaned.
 */

/** Python's \w: letters and digits of all scripts. */
const W = "[\\p{L}\\p{N}_]", WORD = `[\\p{L}\\p{N}_\\-]+`;
const pattern = (tag: string) => new RegExp(`, (${tag}), `, "gu");

const HAIR_LENGTH = pattern("(?:long|short|medium) hair");
const HAIR = pattern(`${WORD} hair`);
const SHORT = pattern(`${WORD}|hair ornament`);

/** Of several people these cannot be told apart: where more than one stands, none stays. */
const OF_ONE_PERSON = [
  HAIR_LENGTH,
  pattern("(?:bob|hime) cut"),
  pattern(`${WORD} eyes`),
  pattern(`${WORD} sleeves|sleeveless`),
  pattern(
    `ponytail|braid|ahoge|twintails|${WORD} bun|single hair bun|single side bun|two side up|two tails|${WORD} braid|sidelocks`,
  ),
];

export interface CleanedTags {
  readonly tags: string;
  /** More than one rating stood there; everything behind the first is gone. */
  readonly severalRatings: boolean;
}

/**
 * Tags without underscores, rating, what several people would share, and words that end a longer tag. null where nothing is
 * left of tags that were not empty, on which the reference ends with an assertion.
 */
export function cleanTags(given: string): CleanedTags | null {
  const ratings = given.replaceAll("^_^", "^@@@^").replaceAll("_", " ").replaceAll("^@@@^", "^_^").split(
    ", rating",
  );
  let tags = `, ${ratings[0].replaceAll(", ", ", , ")}, `;
  if (tags.includes("girls") || tags.includes("boys")) tags = withoutSharedLooks(tags);
  for (const [, word] of tags.matchAll(SHORT)) {
    if (new RegExp(`, (${W}+ )+${word}, `, "u").test(tags)) tags = tags.replaceAll(`, ${word}, `, "");
  }
  tags = tags.replaceAll(", , ", ", ");
  if (!tags.startsWith(", ") || !tags.endsWith(", ")) return null;
  return { tags: tags.slice(2, -2), severalRatings: ratings.length > 2 };
}

function withoutSharedLooks(given: string): string {
  let tags = OF_ONE_PERSON.reduce(withoutSeveral, given);
  const length = tags.match(HAIR_LENGTH)?.[0]; // the one that all have stays
  if (length) tags = tags.replace(HAIR_LENGTH, ", @@@, ");
  tags = withoutSeveral(tags, HAIR);
  return length ? tags.replaceAll(", @@@, ", length) : tags;
}

function withoutSeveral(tags: string, found: RegExp): string {
  return (tags.match(found)?.length ?? 0) > 1 ? tags.replace(found, "") : tags;
}

/** One after the other, each until it changes nothing any more; inside words too. */
const REPLACED: readonly (readonly [from: string, to: string])[] = [
  ["anime anime", "anime"],
  ["young ", ""],
  ["anime girl", "girl"],
  ["cartoon female", "girl"],
  ["cartoon lady", "girl"],
  ["cartoon character", "girl"],
  ["cartoon woman", "girl"],
  ["cartoon women", "girls"],
  ["cartoon girl", "girl"],
  ["anime female", "girl"],
  ["anime lady", "girl"],
  ["anime character", "girl"],
  ["anime woman", "girl"],
  ["anime women", "girls"],
  ["lady", "girl"],
  ["female", "girl"],
  ["woman", "girl"],
  ["women", "girls"],
  ["people", "girls"],
  ["person", "girl"],
  ["a cartoon figure", "a figure"],
  ["a cartoon image", "an image"],
  ["a cartoon picture", "a picture"],
  ["an anime cartoon image", "an image"],
  ["a cartoon anime drawing", "a drawing"],
  ["a cartoon drawing", "a drawing"],
  ["girl girl", "girl"],
];

/** A caption of BLIP or GIT in plainer words. */
export function cleanCaption(given: string): string {
  let caption = given;
  for (const [from, to] of REPLACED) {
    for (let before = ""; before !== caption;) {
      before = caption;
      caption = caption.replaceAll(from, to);
    }
  }
  return caption;
}
