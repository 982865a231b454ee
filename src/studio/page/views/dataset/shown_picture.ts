/** A picture in its box, whole; over it what training leaves of it, and its mask. */

import { useState } from "preact/hooks";
import { html, Icon } from "../../parts/mod.ts";
import { type FolderState, pictureAddress } from "./folder_state.ts";
import type { PictureItem } from "./told.ts";

interface ShownPictureProps {
  folder: FolderState;
  item: PictureItem;
  what: "thumbnail" | "picture";
  /** Of the box, in pixels. */
  width: number;
  height: number;
  alt: string;
}

export function ShownPicture({ folder, item, what, width, height, alt }: ShownPictureProps) {
  const address = pictureAddress(what, folder, item);
  const [measured, setMeasured] = useState({ address: "", aspect: 1 }), [broken, setBroken] = useState("");
  const [maskless, setMaskless] = useState("");
  if (!item.readable || broken === address) {
    return html`<span class="picture broken"><${Icon} name="warning" /></span>`;
  }
  const measure = (event: Event) => {
    const { naturalWidth, naturalHeight } = event.currentTarget as HTMLImageElement;
    setMeasured({ address, aspect: naturalWidth / naturalHeight });
  };
  const failed = () => {
    setBroken(address);
    folder.want([item.name], true); // what is wrong with it is known now
  };
  const { over } = folder, hasMask = over.masks !== "" && (over.masks !== "alpha" || item.alpha);
  const mask = hasMask ? pictureAddress("mask", folder, item) : "";
  const image = html`
    <img src=${address} alt=${alt} loading="lazy" decoding="async" draggable=${false} onLoad=${measure}
      onError=${failed} />
    ${mask !== "" && mask !== maskless &&
      html`<img class="mask" src=${mask} alt="" onError=${() => setMaskless(mask)} />`}
  `;
  if (!over.crop || !item.placed || measured.address !== address) return image;
  const { aspect } = measured;
  const drawn = aspect > width / height ? { w: width, h: width / aspect } : { w: height * aspect, h: height };
  const [left, top, right, bottom] = item.placed.stays;
  const place = {
    left: `${(width - drawn.w) / 2 + left * drawn.w}px`,
    top: `${(height - drawn.h) / 2 + top * drawn.h}px`,
    width: `${(right - left) * drawn.w}px`,
    height: `${(bottom - top) * drawn.h}px`,
  };
  return html`${image}<span class="stays" style=${place} />`;
}
