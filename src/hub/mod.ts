/** The Hugging Face hub: models by name. */
export { fetchFolder, fetchModel } from "./fetch_model.ts";
export { checkUploads, type UploadConfig, Uploads } from "./upload.ts";
export { hubSettings, nameInCache } from "./place.ts";
