/** All routes and topics; a room adds a line for its own. */

import type { Route, Topic } from "../studio.ts";
import { studioRoutes } from "./studio_routes.ts";

export const ROUTES: readonly Route[] = [
  ...studioRoutes,
];

export const TOPICS: readonly Topic[] = [];
