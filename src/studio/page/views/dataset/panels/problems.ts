/** Pictures that are of no use, and why. */

import { html, Name } from "../../../parts/mod.ts";
import type { PictureProblem } from "../told.ts";

const MOST_SHOWN = 20;

export function Problems({ problems }: { problems: readonly PictureProblem[] }) {
  return problems.slice(0, MOST_SHOWN).map(({ name, problem }) =>
    html`<p class="error" key=${name}><${Name} text=${name} />: ${problem}</p>`
  );
}
