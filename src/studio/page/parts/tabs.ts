import { useId, useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { html } from "./html.ts";

interface TabsProps {
  label: string;
  tabs: readonly { readonly name: string; readonly title: ComponentChildren }[];
  chosen: string;
  onChoose: (name: string) => void;
  /** What the chosen tab shows. */
  children?: ComponentChildren;
}

/** Arrows, Home and End go from tab to tab. */
export function Tabs({ label, tabs, chosen, onChoose, children }: TabsProps) {
  const id = useId(), list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const at = tabs.findIndex(({ name }) => name === chosen), last = tabs.length - 1;
    const next =
      { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[
        event.key
      ];
    if (next === undefined) return;
    event.preventDefault();
    onChoose(tabs[next].name);
    (list.current?.children[next] as HTMLElement).focus();
  };
  return html`
    <div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${move}>
      ${tabs.map(({ name, title }) =>
        html`
          <button key=${name} type="button" role="tab" id=${`${id}-${name}`} aria-controls=${`${id}-panel`}
            aria-selected=${String(name === chosen)} tabindex=${name === chosen ? 0 : -1}
            onClick=${() => onChoose(name)}>${title}</button>
        `
      )}
    </div>
    <div class="tab-panel" role="tabpanel" id=${`${id}-panel`} aria-labelledby=${`${id}-${chosen}`}>${children}</div>
  `;
}
