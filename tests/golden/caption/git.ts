/** GIT: prepared pictures, what it sees, logits, and greedy captions. */

import { prepareClip } from "../../../src/images/clip_pixels.ts";
import { gitLogits, gitPrefix, gitText } from "../../../src/models/git/mod.ts";
import { CaptionPrograms } from "../../../src/models/bert/mod.ts";
import { openGit } from "../../../src/models/git/mod.ts";
import { concat } from "../../../src/graph/mod.ts";
import { GitCaptioner } from "../../../src/tools/captions/git_captioner.ts";
import type { Check, GoldenCase } from "../case.ts";
import { close, exact, within } from "../compare.ts";
import { goldenDevice } from "../device.ts";
import { captionPicturesOf, writeGit } from "./models.ts";

export async function checkGit(c: GoldenCase): Promise<Check[]> {
  const folder = Deno.makeTempDirSync({ prefix: "easel-golden-" }), device = goldenDevice();
  const { json } = c, t = c.tensors(), limit = json.tolerance.others.rel_l2, checks: Check[] = [];
  try {
    const path = writeGit(folder, c), images = await captionPicturesOf(c, folder);
    for (const [length, captions] of Object.entries<string[]>(json.captions)) {
      const captioner = await GitCaptioner.open(path, device, Number(length));
      const pictures = images.map((image) => prepareClip(image, captioner.sees));
      if (checks.length === 0) {
        const planes = pictures.flatMap((p) =>
          [0, 1, 2].flatMap((k) => [...p.filter((_, i) => i % 3 === k)])
        );
        checks.push(within("pixels", planes, t.f32("pixels"), json.tolerance.pixels.abs));
        const { vision, projected } = await captioner.look(pictures);
        checks.push(close("vision", vision, t.f32("vision"), limit));
        checks.push(close("projected", projected, t.f32("projected"), limit));
      }
      checks.push(exact(`captions of ${length} tokens`, await captioner.caption(pictures), captions));
      checks.push(exact(`tokens of ${length}`, await captioner.write(), json.generated[length]));
      captioner.close();
    }
    checks.push(close("logits", await allLogits(c, path, device), t.f32("logits"), limit));
    return checks;
  } finally {
    device.close();
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Of the pictures' tokens and the text's, from the recorded projection on. */
async function allLogits(c: GoldenCase, path: string, device: ReturnType<typeof goldenDevice>) {
  const programs = new CaptionPrograms(openGit(path), device), t = c.tensors();
  const heads = c.json.config.num_attention_heads, ids: number[][] = c.json.input_ids;
  try {
    const { logits } = await programs.run(["all"], (graph, w) => {
      const pictures = graph.input("pictures", t.info("projected").shape), git = w.at("git");
      const { prefix, last } = gitPrefix(pictures, git, heads);
      const text = gitText(graph.input("ids", [ids.length, ids[0].length], "i32"), prefix, git, heads);
      graph.output("logits", gitLogits(concat([last, text], 1), w));
    }, { pictures: t.f32("projected"), ids: Int32Array.from(ids.flat()) });
    return logits;
  } finally {
    programs.close();
  }
}
