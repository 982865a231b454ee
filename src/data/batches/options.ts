/** Captions: files, tokens, dropout. */

import { RANGES } from "../dataset/ranges.ts";
import { flag, float, group, int, str } from "../../options/mod.ts";

export const captionOptions = group("Captions", {
  shuffle_caption: flag("permute the non-kept caption tokens per sample"),
  caption_separator: str(",", "string that splits a caption into tokens"),
  caption_extension: str(".caption", "suffix of the caption files"),
  caption_extention: str(null, "misspelt alias, copied to caption_extension"),
  keep_tokens: int(0, "number of leading tokens exempt from shuffle and dropout", RANGES.keep_tokens),
  keep_tokens_separator: str("", "marker: tokens before it (and after a second one) stay fixed"),
  secondary_separator: str(
    null,
    "string replaced by caption_separator after shuffle and dropout, so a group moves as one token",
  ),
  enable_wildcard: flag("random choice inside {a|b}; multi-line caption files give a random line"),
  caption_prefix: str(null, "text put before each caption, followed by a space"),
  caption_suffix: str(null, "text put after each caption, preceded by a space"),
  token_warmup_min: int(1, "tag count at step 0 of tag warm-up", RANGES.token_warmup_min),
  token_warmup_step: float(
    0,
    "step (or fraction below 1 of all steps) when all tags are in use",
    RANGES.token_warmup_step,
  ),
  caption_dropout_rate: float(0.0, "probability that a caption is emptied", RANGES.caption_dropout_rate),
  caption_dropout_every_n_epochs: int(0, "empty all captions in every N-th epoch", { min: 0 }),
  caption_tag_dropout_rate: float(
    0.0,
    "probability that each single tag is removed",
    RANGES.caption_tag_dropout_rate,
  ),
  weighted_captions: flag("(word:1.3) style emphasis in captions (not SDXL)"),
});
