import type { ComponentChildren } from "preact";
import { html } from "./html.ts";
import { Icon, type IconName } from "./icons.ts";

interface EmptyStateProps {
  icon: IconName;
  title: string;
  /** What to do about it. */
  children?: ComponentChildren;
}

/** Stands where there is nothing yet, and says how there will be something. */
export function EmptyState({ icon, title, children }: EmptyStateProps) {
  return html`
    <div class="empty-state">
      <${Icon} name=${icon} size=${32} />
      <p class="empty-title">${title}</p>
      ${children && html`<div class="empty-more">${children}</div>`}
    </div>
  `;
}
