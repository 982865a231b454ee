/** The views, in the order of the work: prepare, start, watch, judge. */

import type { ComponentType } from "preact";
import type { IconName } from "./parts/icons.ts";
import { Dataset } from "./views/dataset/dataset.ts";
import { Draw } from "./views/draw/draw.ts";
import { Files } from "./views/files/files.ts";
import { NewJob } from "./views/new_job.ts";
import { Queue } from "./views/queue/queue.ts";
import { Runs } from "./views/runs/runs.ts";

export interface View {
  /** In the address, and in the words of the frame. */
  readonly name: "dataset" | "new" | "queue" | "runs" | "draw" | "files";
  readonly icon: IconName;
  readonly component: ComponentType<ViewProps>;
}

export interface ViewProps {
  /** What stands behind the view's name in the address. */
  readonly rest: readonly string[];
}

export const VIEWS: readonly View[] = [
  { name: "dataset", icon: "pictures", component: Dataset },
  { name: "new", icon: "plus", component: NewJob },
  { name: "queue", icon: "list", component: Queue },
  { name: "runs", icon: "chart", component: Runs },
  { name: "draw", icon: "brush", component: Draw },
  { name: "files", icon: "box", component: Files },
];
