/** What main.ts's other threads run: src/base/workers/pool.ts starts it. */

import { serve } from "./src/base/workers/serve.ts";
import { fitTask } from "./src/data/cache/fit_task.ts";
import { clipTask, decodeTask, encodeTask, enlargeTask } from "./src/images/tasks.ts";
import { lookTask } from "./src/studio/dataset/pictures/look_task.ts";
import { placeTask } from "./src/tools/dataset/caches/place_task.ts";
import { cutTask } from "./src/tools/dataset/pictures/cut_task.ts";
import { sizesTask } from "./src/tools/dataset/pictures/sizes_task.ts";
import { tagTask } from "./src/tools/tagging/prepare.ts";

serve([
  clipTask,
  cutTask,
  decodeTask,
  encodeTask,
  enlargeTask,
  fitTask,
  lookTask,
  placeTask,
  sizesTask,
  tagTask,
]);
