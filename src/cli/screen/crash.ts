/** What is printed when easel itself is wrong: one block to paste into a bug report, without keys or tokens. */

import { VERSION } from "./version.ts";

/** Flags whose value is never printed. The test of the flag tables knows of every one marked secret. */
export const SECRET_FLAGS: readonly string[] = ["wandb_api_key", "huggingface_token", "token"];

const FRAMES = 12;

/** The block. `title` is the command in words, `argv` what was typed after "easel". */
export function crashReport(argv: readonly string[], error: unknown): string {
  const { os, arch } = Deno.build;
  return [
    "this is a bug in easel. Please report it with everything between the lines:",
    "---------------------------------------------------------------- 8< ----",
    `easel ${VERSION}, ${os} ${Deno.osRelease()} ${arch}, Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`,
    `command: easel ${withoutSecrets(argv).map(quoted).join(" ")}`,
    ...causes(error),
    "---------------------------------------------------------------- >8 ----",
  ].join("\n");
}

/** argv with the values of secret flags, and whatever looks like a key of a known service, masked. Paths stay. */
export function withoutSecrets(argv: readonly string[]): string[] {
  let masked = false;
  return argv.map((word) => {
    const isFlag = /^--./.test(word);
    const maskThis = masked && !isFlag;
    masked = false;
    if (maskThis) return "***";
    if (isFlag) {
      const equals = word.indexOf("=");
      const written = equals < 0 ? word : word.slice(0, equals);
      if (isSecret(written)) {
        if (equals >= 0) return `${written}=***`;
        masked = true;
      }
    }
    return word
      .replace(/\b(hf_|sk-|ghp_|github_pat_)[\w-]{8,}/g, "$1***")
      .replace(/(:\/\/[^/@\s:]+):[^/@\s]+@/g, "$1:***@");
  });
}

/** Flags may be abbreviated and written with dashes; rather one too many than one too few. */
function isSecret(written: string): boolean {
  const name = written.slice(2).replaceAll("-", "_");
  return SECRET_FLAGS.some((flag) => flag.startsWith(name) && name.length > Math.min(4, flag.length - 4)) ||
    /(api_?key|secret|password|passwd|access_?token)/i.test(name);
}

function quoted(word: string): string {
  return /^[\w@%+=:,./*-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function causes(error: unknown): string[] {
  const lines: string[] = [];
  for (let e = error, depth = 0; e !== undefined && depth < 4; depth++) {
    const prefix = depth ? "caused by " : "";
    if (!(e instanceof Error)) return [...lines, `${prefix}${String(e)}`];
    const stack = (e.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)).slice(0, FRAMES);
    lines.push(`${prefix}${e.name}: ${e.message}`, ...stack);
    e = e.cause;
  }
  return lines;
}
