/**
 * The folder that easel's own files lie in: a checkout, or what the executable unpacked. Both are laid out alike
 * (assets/, build/), and the executable's bundle, src/bundle/main.js, lies as deep below it as this file.
 */

const here = new URL(import.meta.url);

/** Absolute, without a slash at its end. */
export const ROOT: string = decodeURIComponent(new URL("../..", here).pathname).replace(/\/$/, "");

/** True when this runs from the executable, where nothing can be built. */
export const UNPACKED: boolean = here.pathname.includes("/src/bundle/");
