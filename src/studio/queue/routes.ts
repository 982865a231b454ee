/** What the page asks of the queue. */

import { json } from "../server/answers.ts";
import { bodyOf, choiceField } from "../fields.ts";
import { Refused, type Route } from "../studio.ts";
import { wantedJob } from "./accept.ts";
import { readJob } from "./job.ts";
import { addJob, orderJobs, removeJob, resumeJob, seeJob, tellJob } from "./queue.ts";
import { jobView, queueView } from "./view.ts";

export const routes: readonly Route[] = [
  { method: "GET", path: "/api/jobs", answer: (_, studio) => json(queueView(studio)) },
  {
    method: "POST",
    path: "/api/jobs",
    async answer(asked, studio) {
      const job = await addJob(studio, wantedJob(await asked.json()));
      return json(jobView(seeJob(studio, job)), 201);
    },
  },
  {
    method: "PUT",
    path: "/api/queue/order",
    async answer(asked, studio) {
      const ids = await asked.json();
      if (!Array.isArray(ids)) throw new Refused(400, "the order is a list of jobs");
      orderJobs(studio, ids.map(String));
      return json(queueView(studio));
    },
  },
  {
    method: "GET",
    path: "/api/jobs/:id",
    answer: ({ params }, studio) => json(jobView(seeJob(studio, readJob(studio, params.id)))),
  },
  {
    method: "DELETE",
    path: "/api/jobs/:id",
    answer({ params }, studio) {
      removeJob(studio, params.id);
      return json(queueView(studio));
    },
  },
  {
    method: "POST",
    path: "/api/jobs/:id/tell",
    async answer(asked, studio) {
      const what = choiceField(await bodyOf(asked), "what", ["stop", "save", "samples"]);
      tellJob(studio, asked.params.id, what);
      return json({ told: what }, 202);
    },
  },
  {
    method: "POST",
    path: "/api/jobs/:id/resume",
    async answer({ params }, studio) {
      const job = await resumeJob(studio, params.id);
      return json(jobView(seeJob(studio, job)), 201);
    },
  },
];
