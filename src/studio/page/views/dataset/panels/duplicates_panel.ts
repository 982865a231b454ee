/** Pictures that look alike, in groups; nothing is done to them but what the user marks. */

import { picturesText } from "../pictures_text.ts";
import { useEffect, useState } from "preact/hooks";
import { Button, ErrorLine, Field, type FieldTies, html, Name, ProgressBar } from "../../../parts/mod.ts";
import { withQuery } from "../../../server.ts";
import { fill, number, useWords } from "../../../words/mod.ts";
import { dataset } from "../../../words/dataset.ts";
import { type FolderState, pictureAddress } from "../folder_state.ts";
import { Problems } from "./problems.ts";
import type { DuplicatesTold } from "../told.ts";
import { useLook } from "./use_look.ts";
import { valueOf } from "../../../value_of.ts";

const MOST_GROUPS = 50, MOST_IN_GROUP = 24;

export function DuplicatesPanel({ folder }: { folder: FolderState }) {
  const words = useWords(dataset), { told, error, share, ask } = useLook<DuplicatesTold>();
  const [bits, setBits] = useState(4), [shown, setShown] = useState(MOST_GROUPS);
  const look = async (event: Event) => {
    event.preventDefault();
    const { path, extension } = folder;
    if (await ask(withQuery("/api/dataset/duplicates", { folder: path, extension, bits }))) {
      setShown(MOST_GROUPS);
    }
  };
  const groups = told?.groups.slice(0, shown) ?? [];
  useEffect(() => folder.want(groups.flatMap((group) => group.slice(0, MOST_IN_GROUP))), [told, shown]);
  return html`
    <form class="stack" onSubmit=${look}>
      <p class="hint">${words.duplicatesHint}</p>
      <${Field} label=${fill(words.bits, { n: bits })}>
        ${(ties: FieldTies) =>
          html`<input ...${ties} type="range" min="0" max="7" value=${bits} onInput=${(event: Event) =>
            setBits(Number(valueOf(event)))} />`}
      <//>
      <div class="row"><${Button} kind="primary" type="submit" busy=${share !== null}>${words
        .findDuplicates}<//></div>
      ${share !== null && html`<${ProgressBar} label=${words.findDuplicates} value=${share} />`}
      <${ErrorLine} text=${error} />
    </form>
    ${told && html`
      <div class="stack duplicates-told">
        <p class="hint" role="status">${fill(words.groupsFound, {
          n: number(told.groups.length),
          pictures: number(told.pictures),
        })}</p>
        ${groups.map((group, i) =>
          html`<${Group} key=${group[0]} folder=${folder} group=${group} at=${i + 1} />`
        )}
        ${told.groups.length > shown &&
          html`<${Button} onClick=${() => setShown(shown + MOST_GROUPS)}>${words.more}<//>`}
        <${Problems} problems=${told.problems} />
      </div>
    `}
  `;
}

function Group({ folder, group, at }: { folder: FolderState; group: readonly string[]; at: number }) {
  const words = useWords(dataset), items = group.map((name) => folder.items.get(name));
  const pixels = items.map((item) => (item?.width ?? 0) * (item?.height ?? 0));
  const best = group[pixels.indexOf(Math.max(...pixels))];
  const leaveOthers = () =>
    folder.leaveOut(group.filter((name) => name !== best && !folder.items.get(name)?.leftOut), true);
  return html`
    <section class="card duplicates" aria-label=${fill(words.group, { n: at })}>
      <div class="row">
        <h3>${picturesText(group.length, words)}</h3>
        <${Button} onClick=${leaveOthers}>${words.leaveOthers}<//>
      </div>
      <ul>
        ${group.slice(0, MOST_IN_GROUP).map((name, i) => {
          const item = items[i], out = item?.leftOut ?? false;
          return html`
            <li key=${name} class=${out ? "left-out" : ""}>
              <button type="button" class="picture-button" aria-label=${name} onClick=${() =>
                folder.setCurrent(name)}>
                ${item &&
                  html`<img src=${pictureAddress("thumbnail", folder, item)} alt="" loading="lazy" />`}
              </button>
              <${Name} text=${name} />
              <span class="hint">${item?.width ? `${item.width}×${item.height}` : ""}</span>
              <${Button} kind="quiet" pressed=${out} onClick=${() => folder.leaveOut([name], !out)}>${words
                .leaveOut}<//>
            </li>
          `;
        })}
      </ul>
      ${group.length > MOST_IN_GROUP &&
        html`<p class="hint">${fill(words.andMore, { n: group.length - MOST_IN_GROUP })}</p>`}
    </section>
  `;
}
