import { EmptyState, html, ViewHead } from "../parts/mod.ts";
import { frame } from "../words/frame.ts";
import { useWords } from "../words/mod.ts";
import { parts } from "../words/parts.ts";

export function Dataset() {
  const names = useWords(frame), words = useWords(parts);
  return html`
    <${ViewHead} title=${names.dataset} />
    <${EmptyState} icon="pictures" title=${words.soon} />
  `;
}
