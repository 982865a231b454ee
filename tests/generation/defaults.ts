/** What gen_img is told where nothing is given. */

import { genImgGroups } from "../../src/generation/groups.ts";
import { withDefaults } from "../../src/options/mod.ts";

export const GEN_IMG_DEFAULTS = withDefaults(genImgGroups, { ckpt: "" });
