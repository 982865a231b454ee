/** ControlNet and ControlNet-LLLite: names in files, what the graphs give, and gradients. */

import type { GoldenCase, Runner } from "../case.ts";
import { forward } from "./controlnet/forward.ts";
import { lllite } from "./controlnet/lllite.ts";
import { keys, modules } from "./controlnet/names.ts";
import { controlTrained } from "./train/control.ts";
import { llliteTrained } from "./train/lllite.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "controlnet") return null;
  const { json } = c;
  if (json.columns?.[0] === "name") return () => Promise.resolve(modules(c));
  if (json.columns) return () => Promise.resolve(keys(c));
  if (json.rule && json.expected?.out_stats) return () => forward(c);
  if (json.cond_emb_dim && json.expected?.out) return () => lllite(c);
  return () => /lllite/.test(json.reference) ? llliteTrained(c) : controlTrained(c);
}
