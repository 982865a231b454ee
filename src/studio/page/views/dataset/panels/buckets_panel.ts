/** Which bucket each picture goes to by the rules that are typed here, as a training would sort them. */

import { useState } from "preact/hooks";
import {
  Button,
  type Column,
  ErrorLine,
  Field,
  type FieldTies,
  html,
  ProgressBar,
  Table,
} from "../../../parts/mod.ts";
import { withQuery } from "../../../server.ts";
import { fill, number, useWords } from "../../../words/mod.ts";
import { dataset } from "../../../words/dataset.ts";
import type { FolderState } from "../folder_state.ts";
import { Problems } from "./problems.ts";
import type { BucketRow, BucketsTold } from "../told.ts";
import { useLook } from "./use_look.ts";
import { isTicked, valueOf } from "../../../value_of.ts";

const MOST_NOTES = 20;

const NUMBERS = ["min_bucket_reso", "max_bucket_reso", "bucket_reso_steps"] as const;
const FLAGS = ["enable_bucket", "bucket_no_upscale"] as const;

export function BucketsPanel({ folder }: { folder: FolderState }) {
  const words = useWords(dataset), { told, error, share, ask } = useLook<BucketsTold>();
  const [rules, setRules] = useState<Record<string, string | boolean>>({
    ...{ resolution: "512", min_bucket_reso: "256", max_bucket_reso: "1024", bucket_reso_steps: "64" },
    ...{ enable_bucket: true, bucket_no_upscale: false },
  });
  const look = async (event: Event) => {
    event.preventDefault();
    const { path, extension } = folder;
    if (!await ask(withQuery("/api/dataset/buckets", { folder: path, extension, ...rules }))) return;
    folder.setOver({ crop: true });
    folder.want(folder.names.filter((name) => folder.items.has(name)), true);
  };
  const set = (name: string, value: string | boolean) => setRules((old) => ({ ...old, [name]: value }));
  const field = (name: string) =>
    html`
      <${Field} key=${name} label=${name}>
        ${(ties: FieldTies) =>
          html`<input ...${ties} type="text" inputmode="numeric" value=${rules[name]} onInput=${(
            event: Event,
          ) => set(name, valueOf(event))} />`}
      <//>
    `;
  const columns: readonly Column<BucketRow>[] = [
    {
      name: "size",
      title: words.bucket,
      show: ({ size }) => {
        const bucket = size.join("x"), pressed = folder.wish.bucket === bucket;
        return html`<${Button} kind="quiet" pressed=${pressed} title=${words.onlyBucket} onClick=${() =>
          folder.setWish({ bucket: pressed ? "" : bucket })}>${size.join("×")}<//>`;
      },
    },
    { name: "pictures", title: words.picturesTitle, numeric: true, show: ({ pictures }) => number(pictures) },
    { name: "repeated", title: words.repeated, numeric: true, show: ({ repeated }) => number(repeated) },
  ];
  return html`
    <form class="stack" onSubmit=${look}>
      <div class="two-fields">${["resolution", ...NUMBERS].map(field)}</div>
      ${FLAGS.map((name) =>
        html`
          <${Field} key=${name} label=${name} beside>
            ${(ties: FieldTies) =>
              html`<input ...${ties} type="checkbox" checked=${rules[name]} onChange=${(event: Event) =>
                set(name, isTicked(event))} />`}
          <//>
        `
      )}
      <div class="row">
        <${Button} kind="primary" type="submit" busy=${share !== null}>${words.showBuckets}<//>
        <${Button} pressed=${folder.over.crop} disabled=${told === null} onClick=${() =>
          folder.setOver({ crop: !folder.over.crop })}>${words.showCrop}<//>
      </div>
      ${share !== null && html`<${ProgressBar} label=${words.showBuckets} value=${share} />`}
      <${ErrorLine} text=${error} />
    </form>
    ${told && html`
      <div class="stack buckets-told">
        <p class="hint" role="status">
          ${fill(words.bucketsFound, { n: number(told.rows.length), pictures: number(told.pictures) })}
          ${told.meanError !== null && ` · ${fill(words.meanError, { error: number(told.meanError, 4) })}`}
        </p>
        <${Table} caption=${words.buckets} columns=${columns} rows=${told.rows} keyOf=${(
          { size }: BucketRow,
        ) => size.join("x")} current=${folder.wish.bucket} />
        ${told.notes.slice(0, MOST_NOTES).map((note) =>
          html`<p class="error" key=${note} dir="auto">${note}</p>`
        )}
        <${Problems} problems=${told.problems} />
      </div>
    `}
  `;
}
