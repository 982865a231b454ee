import { useWords } from "../words/mod.ts";
import { parts } from "../words/parts.ts";
import { Button } from "./button.ts";
import { html } from "./html.ts";
import { Icon } from "./icons.ts";

/** What went wrong, beside what caused it. */
export function ErrorLine({ text, retry }: { text: string | null | undefined; retry?: () => void }) {
  const words = useWords(parts);
  if (!text) return null;
  return html`
    <div class="error-line" role="alert">
      <${Icon} name="warning" size=${18} /><p>${text}</p>
      ${retry && html`<${Button} kind="quiet" icon="refresh" onClick=${retry}>${words.retry}<//>`}
    </div>
  `;
}
