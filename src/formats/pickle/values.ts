/**
 * What a pickled state dict is made of, as plain data, and the only names it may ask for. Python would import and call
 * whatever a pickle names; here a name is looked up in this table, and what it stands for is built by code of this folder.
 */

/** A class or function that a pickle named. */
export interface Name {
  readonly kind: "ordered_dict" | "rebuild_tensor" | "rebuild_parameter" | "size" | "storage" | "inert";
  readonly name: string;
  /** safetensors' spelling, of a storage. */
  readonly dtype?: string;
}

/** A run of elements somewhere in the file, found by its key. */
export class Storage {
  constructor(readonly key: string, readonly dtype: string, readonly count: number) {}
}

/** A view of a storage; sizes and strides in elements. */
export class Tensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** An object that is only carried along: its class is harmless and its contents are not needed, or only its state. */
export class Instance {
  state: unknown = null;
  constructor(readonly name: string) {}
}

const STORAGES: Readonly<Record<string, string>> = {
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  DoubleStorage: "F64",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};

/** Kept as opaque objects: what Lightning and NumPy leave beside the weights of published checkpoints. */
const INERT = new Set([
  "torch.device",
  "torch.float32",
  "torch.float16",
  "torch.bfloat16",
  "torch.float64",
  "torch.int64",
  "torch.int32",
  "torch.nn.modules.container.ParameterDict",
  "numpy.dtype",
  "numpy.core.multiarray.scalar",
  "numpy._core.multiarray.scalar",
  "_codecs.encode",
  "builtins.set",
  "__builtin__.set",
  "pytorch_lightning.callbacks.ModelCheckpoint",
  "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
  "lightning.pytorch.callbacks.model_checkpoint.ModelCheckpoint",
]);

/** What a name stands for, or null for all that no state dict needs. */
export function lookUp(module: string, name: string): Name | null {
  const full = `${module}.${name}`;
  if (full === "collections.OrderedDict") return { kind: "ordered_dict", name: full };
  if (full === "torch._utils._rebuild_tensor_v2" || full === "torch._utils._rebuild_tensor") {
    return { kind: "rebuild_tensor", name: full };
  }
  if (full === "torch._utils._rebuild_parameter") return { kind: "rebuild_parameter", name: full };
  if (full === "torch.Size") return { kind: "size", name: full };
  if ((module === "torch" || module === "torch.cuda") && Object.hasOwn(STORAGES, name)) {
    return { kind: "storage", name: full, dtype: STORAGES[name] };
  }
  return INERT.has(full) ? { kind: "inert", name: full } : null;
}
