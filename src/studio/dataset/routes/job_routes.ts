/** Jobs that write captions: what stood there is kept first, so that all of it can be taken back. */

import { basename, extname, join } from "node:path";
import { json } from "../../server/answers.ts";
import { addJob } from "../../queue/queue.ts";
import { Refused, type Route } from "../../studio.ts";
import { beforeJob, jobStarted } from "../captions/job_step.ts";
import { bodyOf, choiceField, wordsField } from "../../fields.ts";
import { opened } from "./listing_routes.ts";
import { startingJobs, stepsTold } from "./steps_told.ts";

/** Commands that write a caption beside each picture of a folder, whose ending --caption_extension names. */
const COMMANDS = ["tag_images_by_wd14_tagger", "make_captions", "make_captions_by_git"] as const;

export const jobRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/api/dataset/jobs",
    async answer(asked, studio) {
      const body = await bodyOf(asked), folder = opened(body, studio), { steps, listing } = folder;
      const command = choiceField(body, "command", COMMANDS), more = wordsField(body, "args");
      if (stepsTold(folder, studio).done.some(({ open }) => open) || startingJobs.has(steps)) {
        throw new Refused(409, `${folder.path}: a job still writes captions here; wait for it, or stop it`);
      }
      startingJobs.add(steps);
      try {
        const { pictures, extension } = await listing.refresh();
        const paths = [...pictures.values()].flatMap(({ name, captionPath }) => [
          captionPath,
          join(folder.path, basename(name, extname(name)) + extension),
        ]);
        const head = beforeJob(steps, command, [...new Set(paths)]);
        try {
          const args = [folder.path, "--caption_extension", extension, ...more];
          const { id } = await addJob(studio, {
            command,
            args,
            title: `${command} ${basename(folder.path)}`,
          });
          jobStarted(steps, head, id);
          return json({ job: id, step: head.id }, 201);
        } catch (error) {
          steps.drop(head.id);
          throw error;
        }
      } finally {
        startingJobs.delete(steps);
      }
    },
  },
];
