/** detect_face_rotate: what golden cases leave open. */

import { deepStrictEqual, match, rejects, throws } from "node:assert/strict";
import { join } from "node:path";
import { loadImage } from "../../../src/images/load.ts";
import { writePicture } from "../../../src/images/write.ts";
import { quietContext } from "../../../src/base/job.ts";
import { readDetections } from "../../../src/tools/dataset/pictures/detections.ts";
import { cutFaces, type FacesConfig } from "../../../src/tools/dataset/pictures/faces.ts";
import { facesJob } from "../../../src/tools/dataset/pictures/faces_job.ts";
import { drawn } from "../../golden/prepare/pictures.ts";
import { listening } from "../../training/tiny_run.ts";

const FACES = [
  { bbox: [90, 40, 150, 110, 0.99], right_eye: [105, 80], left_eye: [135, 66] },
  { bbox: [20, 20, 50, 52, 0.95], right_eye: [26, 33], left_eye: [44, 30] },
];

async function folder(faces: unknown): Promise<{ at: (name: string) => string; config: FacesConfig }> {
  const dir = Deno.makeTempDirSync({ prefix: "easel-faces-" }), at = (name: string) => join(dir, name);
  Deno.mkdirSync(at("s"));
  await writePicture(at("s/p.bmp"), drawn({ w: 160, h: 120, seed: 2, smooth: true }));
  Deno.writeTextFileSync(at("s/bad.png"), "no picture");
  Deno.writeTextFileSync(at("faces.json"), JSON.stringify({ "p.bmp": faces, "bad.png": faces }));
  return {
    at,
    config: {
      ...{ srcDir: at("s"), dstDir: at("o"), detections: at("faces.json"), rotate: false, resizeFit: false },
      ...{ resizeFaceSize: 35, cropSize: [40, 40], cropRatio: null, minSize: null, maxSize: null },
      ...{ multipleFaces: true, debug: false, compat: null, detector: null, detectorScore: 0.6 },
      ...{ device: "cpu", threads: 1, vramBudget: null, noVendorLibs: false },
    },
  };
}

Deno.test("cutFaces() takes each face from the picture's own size and leaves damaged pictures out", async () => {
  const { at, config } = await folder(FACES);
  await cutFaces(config, quietContext());
  // 160x120 at half its size, and at 35 / 32 of it
  const names = [...Deno.readDirSync(at("o"))].map(({ name }) => name).sort();
  deepStrictEqual(names, ["p_01_0020_0020_0030_0035.png", "p_02_0020_0020_0033_0035.png"]);
  const { width, height } = await loadImage(at(`o/${names[1]}`));
  deepStrictEqual([width, height], [40, 40]);
});

Deno.test("cutFaces() writes no face over that of another picture of the same name", async () => {
  const { at, config } = await folder(FACES),
    heard = listening(),
    file = at("o/p_02_0020_0020_0033_0035.png");
  await writePicture(at("s/p.png"), drawn({ w: 160, h: 120, seed: 3, smooth: true }));
  Deno.writeTextFileSync(at("faces.json"), JSON.stringify({ "p.bmp": FACES }));
  await cutFaces(config, quietContext());
  const first = Deno.readFileSync(file);
  Deno.writeTextFileSync(at("faces.json"), JSON.stringify({ "p.bmp": FACES, "p.png": FACES }));
  await cutFaces(config, heard);
  deepStrictEqual(Deno.readFileSync(file), first);
  match(
    heard.lines.join("\n"),
    /p\.bmp and .*p\.png would share .*0035\.png; the second is left out, rename/,
  );
});

Deno.test("under --compat a cut reaches as far as the size that the face before left", async () => {
  const { at, config } = await folder([FACES[0], { ...FACES[1], bbox: [20, 50, 50, 110, 0.95] }]);
  Deno.renameSync(at("s/p.bmp"), at("s/p.png"));
  Deno.removeSync(at("s/bad.png"));
  const faces = Deno.readTextFileSync(at("faces.json")).replace("p.bmp", "p.png");
  Deno.writeTextFileSync(at("faces.json"), faces);
  await cutFaces(
    { ...config, resizeFaceSize: null, cropSize: [100, 140], compat: "0.9.1" },
    quietContext(),
  );
  const names = [...Deno.readDirSync(at("o"))].map(({ name }) => name).sort();
  deepStrictEqual(names, ["p_01_0053_0088_0070_0082.png", "p_02_0035_0060_0030_0060.png"]);
  const { width, height } = await loadImage(at(`o/${names[1]}`));
  deepStrictEqual([width, height], [100, 100]);
});

Deno.test("detections that are none are refused with the place and what is wanted", async () => {
  const cases: [unknown, RegExp][] = [
    [3, /"p\.bmp": is no list of faces; give/],
    [[null], /face 1: bbox is not 5 numbers/],
    [[{ bbox: [1, 2, 3, 4, 1] }], /face 1: right_eye is not 2 numbers/],
    [[{ bbox: [1, 2, 3, 4, 1], right_eye: [1, null], left_eye: [1, 2] }], /right_eye is not 2 numbers/],
  ];
  for (const [faces, pattern] of cases) {
    const { config } = await folder(faces);
    await rejects(cutFaces(config, quietContext()), pattern);
  }
  const { at } = await folder([{
    bbox: [0, 0, 10, 20, 0.95],
    keypoints: Array.from({ length: 28 }, (_, i) => [i, i, 1]),
  }]);
  deepStrictEqual(readDetections(at("faces.json")).get("p.bmp")!.map(({ angle }) => angle), [45]);
});

Deno.test("without detections the line says why there is no detector", () => {
  const values = {
    resizeFit: false,
    resizeFaceSize: null,
    cropRatio: null,
    cropSize: null,
    detections: null,
    detector: null,
  };
  throws(
    () =>
      facesJob.check!(
        { ...values, srcDir: "a", dstDir: "b" } as Parameters<NonNullable<typeof facesJob.check>>[0],
      ),
    (
      error,
    ) => (match(
      String(error),
      /--detector is missing: .*Python package that easel cannot have; give an ONNX face detector/,
    ),
      true),
  );
});
