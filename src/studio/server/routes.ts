/** All routes and topics; a room adds a line for its own. */

import { routes as datasetRoutes } from "../dataset/routes.ts";
import type { Route, Topic } from "../studio.ts";
import { routes as drawRoutes } from "../draw/routes.ts";
import { topics as drawTopics } from "../draw/topics.ts";
import { routes as fileRoutes } from "../files/routes.ts";
import { routes as formRoutes } from "../form/routes.ts";
import { routes as queueRoutes } from "../queue/routes.ts";
import { topics as queueTopics } from "../queue/topics.ts";
import { routes as runRoutes } from "../runs/routes.ts";
import { topics as runTopics } from "../runs/topics.ts";
import { studioRoutes } from "./studio_routes.ts";

export const ROUTES: readonly Route[] = [
  ...studioRoutes,
  ...datasetRoutes,
  ...drawRoutes,
  ...fileRoutes,
  ...formRoutes,
  ...queueRoutes,
  ...runRoutes,
];

export const TOPICS: readonly Topic[] = [
  ...drawTopics,
  ...queueTopics,
  ...runTopics,
];
