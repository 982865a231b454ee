/** Every topic by its name. */

import type { Topic } from "../topic.ts";
import { npz, pickle, safetensors } from "./files.ts";
import { options } from "./options.ts";
import { pictures } from "./pictures.ts";
import { prompts, text } from "./texts.ts";

export const TOPICS: Readonly<Record<string, Topic>> = {
  ...{ safetensors, pickle, npz, pictures, text, prompts, options },
};
