/** The page: the frame around one view at a time. */

import { render } from "preact";
import { Frame } from "./frame.ts";
import { applyScheme } from "./scheme.ts";
import { html } from "./parts/html.ts";

applyScheme();
render(html`<${Frame} />`, document.getElementById("app")!);
