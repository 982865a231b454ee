/** ONNX models as graphs of easel's own. */
export { OnnxNetwork, type OnnxValues } from "./network.ts";
export { OPERATORS } from "./ops/mod.ts";
export { type RecordedModel, recordOnnx } from "./record.ts";
export { size, Unsupported, type Value } from "./values.ts";
export { yunetModel } from "./yunet.ts";
