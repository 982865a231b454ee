/** All routes and topics; a room adds a line for its own. */

import { routes as datasetRoutes } from "../dataset/routes.ts";
import type { Route, Topic } from "../studio.ts";
import { studioRoutes } from "./studio_routes.ts";

export const ROUTES: readonly Route[] = [
  ...studioRoutes,
  ...datasetRoutes,
];

export const TOPICS: readonly Topic[] = [];
