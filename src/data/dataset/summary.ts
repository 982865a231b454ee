/** What a run will be trained on, told before it starts. */

import { basename } from "node:path";
import { counted, listed } from "../../base/phrases.ts";
import type { Dataset } from "./dataset.ts";
import type { DatasetGroup } from "./group.ts";

/** Lines for the start of a run: images, repeats, captions, buckets, and everything that was left out. */
export function describeDatasets(group: DatasetGroup): string[] {
  const lines = group.datasets.flatMap((dataset, i) => describe(dataset, i));
  const sum = (of: (dataset: Dataset) => number) => group.datasets.reduce((total, d) => total + of(d), 0);
  const batches = group.orders.reduce((total, order) => total + order.length, 0);
  const reg = sum((d) => d.regImages);
  lines.push(
    `${counted(sum((d) => d.trainImages), "training image")} with repeats` +
      `${reg ? `, ${counted(reg, "regularisation image")}` : ""}, ${counted(batches, "batch")} an epoch`,
  );
  return lines;
}

/** "dataset 2 (10_cat and 1_dog)", for lines about one of several. */
export function datasetName({ reports }: Dataset, index: number): string {
  return `dataset ${index + 1} (${listed(reports.map(({ name }) => basename(name)))})`;
}

function describe(dataset: Dataset, index: number): string[] {
  const { params, reports, buckets, bucketInfo, notes } = dataset;
  const size = params.resolution ? params.resolution.join("x") : "sizes of the metadata";
  const lines = [`dataset ${index + 1}: ${size}, batch size ${params.batch_size}`];
  for (const { name, images, repeats, isReg, captionFiles, withoutCaption, emptyCaptions } of reports) {
    const missing = withoutCaption ? `, ${withoutCaption} without` : "";
    const empty = emptyCaptions ? `, ${emptyCaptions} empty` : "";
    lines.push(
      `  ${basename(name)}${isReg ? " (regularisation)" : ""}: ${counted(images, "image")} x ${repeats}, ` +
        `${counted(captionFiles, "caption")}${empty}${missing}`,
    );
  }
  if (bucketInfo) {
    const list = buckets.map(({ size, members }) => `${size.join("x")}: ${members.length}`);
    const error = bucketInfo.mean_img_ar_error.toPrecision(3);
    lines.push(`  ${counted(list.length, "bucket")} (${list.join(", ")}), mean aspect error ${error}`);
  }
  lines.push(...notes.map((note) => `  note: ${note}`));
  return lines;
}
