/** All that the page's dataset view asks for. */

import type { Route } from "../studio.ts";
import { captionRoutes } from "./routes/caption_routes.ts";
import { fileRoutes } from "./routes/file_routes.ts";
import { jobRoutes } from "./routes/job_routes.ts";
import { listingRoutes } from "./routes/listing_routes.ts";
import { pictureRoutes } from "./routes/picture_routes.ts";

export const routes: readonly Route[] = [
  ...[...listingRoutes, ...captionRoutes, ...pictureRoutes],
  ...[...jobRoutes, ...fileRoutes],
];
