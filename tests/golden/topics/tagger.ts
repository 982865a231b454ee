/** Tagging pictures with ONNX models: operators, models, preparation of pictures, and whole runs of the script. */

import type { GoldenCase, Runner } from "../case.ts";
import { checkModel } from "../tagger/models.ts";
import { checkPreparation, checkRun } from "../tagger/runs.ts";
import { checkOperatorList, checkOperators } from "../tagger/operators.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "tagger") return null;
  const { json } = c;
  if (Array.isArray(json.cases)) return () => checkOperators(c);
  if (json.operators && json.real_models) return () => Promise.resolve(checkOperatorList(c));
  if (json.model_file && json.node_stats) return () => checkModel(c);
  if (json.argv) return () => checkRun(c);
  if (json.pictures && json.steps) return () => checkPreparation(c);
  return "not supported yet";
}
