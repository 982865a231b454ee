/** The Hugging Face hub: models by name. */
export { fetchModel } from "./fetch_model.ts";
export { hubSettings, nameInCache } from "./place.ts";
