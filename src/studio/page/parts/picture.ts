import { useState } from "preact/hooks";
import { html } from "./html.ts";
import { Icon } from "./icons.ts";

interface PictureProps {
  src: string;
  alt: string;
  /** Of the file, in pixels: keeps the place until it is there. */
  width?: number;
  height?: number;
  /** Fills its box, cut where it must be; else the whole picture is shown. */
  cover?: boolean;
}

/** Loaded when it comes into sight; a mark in place of one that cannot be shown. */
export function Picture({ src, alt, width, height, cover = false }: PictureProps) {
  const [broken, setBroken] = useState<string | null>(null);
  if (broken === src) {
    return html`<span class="picture broken" role="img" aria-label=${alt}><${Icon} name="warning" /></span>`;
  }
  return html`
    <img class=${`picture ${cover ? "cover" : ""}`} src=${src} alt=${alt} width=${width} height=${height}
      loading="lazy" decoding="async" onError=${() => setBroken(src)} />
  `;
}
