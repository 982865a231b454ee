/** What pages are told of the queue while it changes. */

import type { Topic } from "../studio.ts";
import { watchJobs } from "./changes.ts";
import { filesOf } from "./job.ts";
import { LogReader } from "./log.ts";
import { queueView } from "./view.ts";

export const topics: readonly Topic[] = [
  {
    name: "queue",
    watch(send, studio) {
      let before = "";
      const tell = () => {
        const view = queueView(studio), now = JSON.stringify(view);
        if (now !== before) send(view);
        before = now;
      };
      tell();
      return watchJobs(studio, tell);
    },
  },
  {
    // the end of a job's log, then what is added
    name: "log",
    watch(send, studio, id) {
      const log = new LogReader(filesOf(studio, id).log);
      const tell = () => {
        const text = log.more();
        if (text !== "") send({ text });
      };
      tell();
      return watchJobs(studio, (ids) => (ids === null || ids.has(id)) && tell());
    },
  },
];
