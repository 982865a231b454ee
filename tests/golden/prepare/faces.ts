/** detect_face_rotate, behind the detections that the case gives for every picture. */

import { loadImage } from "../../../src/images/load.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact, within } from "../compare.ts";
import { withToolRun } from "../tool_run.ts";
import { writeGiven } from "./pictures.ts";

export function checkFaces(c: GoldenCase): Promise<Check[]> {
  const { files: given, outputs, error, detector } = c.json;
  const faces = detector.map((face: Record<string, unknown>) => ({
    ...{
      bbox: face.bbox,
      right_eye: face["right_eye (keypoint 11)"],
      left_eye: face["left_eye (keypoint 19)"],
    },
  }));
  const names = Object.keys(given).map((path) => path.split("/").at(-1)!);
  const files = {
    ...given,
    "faces.json": JSON.stringify(Object.fromEntries(names.map((name) => [name, faces]))),
  };
  return withToolRun({ ...c, json: { ...c.json, files } }, writeGiven, async (run) => {
    const checks = [
      exact(`fails, saying ${run.error}`, run.error !== null, error !== undefined),
      exact("files", written("o"), Object.keys(outputs).sort()),
    ];
    for (const [name, { size }] of Object.entries<{ size: [number, number] }>(outputs)) {
      const { width, height, data } = await loadImage(name);
      checks.push(
        exact(`${name}: size`, [width, height], size),
        within(name, data, c.tensors().bytes(name), 1),
      );
    }
    return checks;
  }, ["--detections", "faces.json", "--compat", "0.9.1"]);
}

function written(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`).sort();
  } catch {
    return [];
  }
}
