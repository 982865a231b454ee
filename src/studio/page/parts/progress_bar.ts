import { html } from "./html.ts";

interface ProgressBarProps {
  label: string;
  /** Of 1; undefined: nobody knows how far it is. */
  value?: number;
}

export function ProgressBar({ label, value }: ProgressBarProps) {
  return html`<progress class="progress" aria-label=${label} max="1" value=${value} />`;
}
