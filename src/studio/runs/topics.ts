/** What pages are told of a run while it goes on: where it is, and the points since they were told last. */

import { watchJobs } from "../queue/changes.ts";
import { readJob } from "../queue/job.ts";
import { seeJob } from "../queue/queue.ts";
import type { Studio, Topic } from "../studio.ts";
import { recordOf, type RunSource } from "./runs.ts";
import type { RunNews } from "./shown.ts";
import { runNow } from "./view.ts";

/** However many steps are made between two news. */
const MOST_POINTS = 50;

export const topics: readonly Topic[] = [
  {
    name: "run",
    watch(send, studio, id) {
      let before = "", last: number | null = null, marked = 0;
      const tell = () => {
        const source = sourceOf(studio, id), record = recordOf(source), now = runNow(source);
        const { processor: _, resident: __, device: ___, ...same } = now, text = JSON.stringify(same);
        if (text === before) return;
        before = text;
        const from = last;
        const marks = from === null ? [] : record.epochs.slice(marked);
        last = record.step;
        marked = record.epochs.length;
        const added = from === null
          ? []
          : [...record.series].map(([metric, series]) =>
            [metric, series.points(from + 1, Infinity, MOST_POINTS)] as const
          ).filter(([, { steps }]) => steps.length > 0);
        send({ now, added: Object.fromEntries(added), marks } satisfies RunNews);
      };
      tell();
      return watchJobs(studio, (ids) => (ids === null || ids.has(id)) && tell());
    },
  },
];

const sourceOf = (studio: Studio, id: string): RunSource => ({
  kind: "job",
  ...seeJob(studio, readJob(studio, id)),
});
