import type { ComponentChildren } from "preact";
import { html } from "./html.ts";
import { Icon, type IconName } from "./icons.ts";

interface ButtonProps {
  /** "primary" for the one thing that a view is for, "danger" for what cannot be undone; else plain. */
  kind?: "primary" | "danger" | "quiet";
  icon?: IconName;
  /** What it is called where it shows no text. */
  label?: string;
  title?: string;
  type?: "button" | "submit";
  disabled?: boolean;
  /** It works on it: pressing it again does nothing. */
  busy?: boolean;
  /** For a switch: whether it is on. */
  pressed?: boolean;
  onClick?: (event: Event) => unknown;
  children?: ComponentChildren;
}

/** A button keeps its focus while it is busy, so that nobody loses their place. */
export function Button(props: ButtonProps) {
  const { kind = "", icon, label, title = label, type = "button", disabled, busy, pressed, onClick } = props;
  const bare = props.children === undefined;
  const press = (event: Event) => {
    if (busy) event.preventDefault();
    else onClick?.(event);
  };
  return html`
    <button type=${type} class=${`button ${kind} ${
      bare ? "icon-only" : ""
    }`} aria-label=${label} title=${title}
      disabled=${disabled} aria-busy=${busy ? "true" : undefined} aria-disabled=${busy ? "true" : undefined}
      aria-pressed=${pressed === undefined ? undefined : String(pressed)} onClick=${press}>
      ${icon && html`<${Icon} name=${icon} size=${18} />`}
      ${!bare && html`<span>${props.children}</span>`}
    </button>
  `;
}
