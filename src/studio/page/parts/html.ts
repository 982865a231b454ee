/** Templates: `html\`<p>${text}</p>\``. What is put in is text or attribute values, never markup. */

import htm from "htm";
import { h, type VNode } from "preact";

type Template = (strings: TemplateStringsArray, ...values: unknown[]) => VNode;

// its types are those of a CommonJS module, which the bundled one is not
export const html: Template = (htm as unknown as { bind(create: typeof h): Template }).bind(h);
