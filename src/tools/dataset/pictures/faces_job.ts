/** detect_face_rotate: sd-scripts' tools/detect_face_rotate.py, behind any detector. */

import { UsageError } from "../../../base/errors.ts";
import { isSameFile } from "../../../base/files/links.ts";
import { job } from "../../../options/job.ts";
import { readableFile, readableFolder, writableFolder } from "../../../options/paths.ts";
import { exclusive } from "../../../options/rules.ts";
import { automationOptions, compatOptions } from "../../../options/shared.ts";
import { checkDevice } from "../../../runtime/check_device.ts";
import { deviceOptions } from "../../../runtime/options.ts";
import { pythonFloat, pythonInt } from "../../../text/python_number.ts";
import { facesOptions } from "../options.ts";

const WHOLE = { read: pythonInt, wanted: "width,height" },
  RATIO = { read: pythonFloat, wanted: "horizontal,vertical" };

export const facesJob = job({
  groups: [facesOptions, deviceOptions, compatOptions, automationOptions],
  about:
    "Turns pictures so that a face is upright, cuts it out and writes it with its place and size in the name, which " +
    "--face_crop_aug_range reads. The detector of sd-scripts is a Python package that easel cannot have: give an ONNX model " +
    "or YuNet's weights with --detector, or with --detections what any detector found.",
  examples: [
    "easel detect_face_rotate --src_dir images/1_thing --dst_dir faces --detections faces.json --rotate --crop_ratio 2,2",
  ],
  check(values) {
    const { resizeFit, resizeFaceSize, cropRatio, cropSize, detections, detector, srcDir, dstDir } = values;
    exclusive("resize_fit", resizeFit, "resize_face_size", resizeFaceSize !== null);
    exclusive("crop_ratio", cropRatio !== null, "resize_face_size", resizeFaceSize !== null);
    pair("crop_size", cropSize, WHOLE);
    pair("crop_ratio", cropRatio, RATIO);
    exclusive("detections", detections !== null, "detector", detector !== null);
    if (detections === null && detector === null) throw new UsageError(LACKING);
    if (detections !== null) readableFile("detections", detections);
    if (detector !== null) {
      readableFile("detector", detector);
      checkDevice(values);
    }
    readableFolder("src_dir", srcDir);
    writableFolder("dst_dir", dstDir);
    if (isSameFile(srcDir, dstDir)) {
      throw new UsageError(`--dst_dir ${dstDir}: is --src_dir too; give another folder`);
    }
  },
  async run(values, context) {
    const { cutFaces } = await import("./faces.ts");
    await cutFaces({
      ...values,
      cropSize: pair("crop_size", values.cropSize, WHOLE),
      cropRatio: pair("crop_ratio", values.cropRatio, RATIO),
    }, context);
  },
});

const LACKING =
  "--detector is missing: sd-scripts' own is a Python package that easel cannot have; give an ONNX face detector, or a JSON " +
  "file with the faces (--detections)";

function pair(
  name: string,
  text: string | null,
  { read, wanted }: { readonly read: (text: string) => number | null; readonly wanted: string },
): [number, number] | null {
  if (text === null) return null;
  const [a, b, ...rest] = text.split(",").map(read);
  if (rest.length === 0 && a && b && a > 0 && b > 0) return [a, b];
  throw new UsageError(`--${name} takes "${wanted}", "${text}" was given`);
}
