/** Parts of a path, as this machine's are: with slashes. */

export const baseName = (path: string): string => path.replace(/^.*\//, "");

/** Of one at the top: "". */
export const folderOf = (path: string): string => path.replace(/\/[^/]*$/, "");

/** A model file's name without folder and ending. */
export const stemOf = (path: string): string => baseName(path).replace(/\.(safetensors|ckpt|pt|pth)$/i, "");
