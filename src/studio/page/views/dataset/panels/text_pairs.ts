/** Captions before and after. */

import { html, Name } from "../../../parts/mod.ts";
import { useWords } from "../../../words/mod.ts";
import { dataset } from "../../../words/dataset.ts";

interface Pair {
  readonly file: string;
  readonly before: string | null;
  readonly after: string | null;
}

export function TextPairs({ pairs }: { pairs: readonly Pair[] }) {
  const words = useWords(dataset);
  const said = (text: string | null) => text === null ? words.missing : text === "" ? words.empty : text;
  return html`
    <dl class="text-pairs">
      ${pairs.map(({ file, before, after }) =>
        html`
          <div key=${file}>
            <dt>
              <${Name} text=${file} />
            </dt>
            <dd class="was" dir="auto"><span class="unseen">${words.was}</span>${said(before)}</dd>
            <dd class="now" dir="auto"><span class="unseen">${words.now}</span>${said(after)}</dd>
          </div>
        `
      )}
    </dl>
  `;
}
