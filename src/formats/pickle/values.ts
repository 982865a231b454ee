/**
 * What a pickled state dict is made of, as plain data, and the only names it may ask for. Python would import and call
 * whatever a pickle names; here a name is looked up in this table, and what it stands for is built by code of this folder.
 */

/** A class or function that a pickle named. */
export interface Name {
  readonly kind:
    | "ordered_dict"
    | "dict"
    | "rebuild_tensor"
    | "rebuild_typed_tensor"
    | "rebuild_parameter"
    | "size"
    | "dtype"
    | "storage"
    | "encode"
    | "numpy_dtype"
    | "numpy_scalar"
    | "inert";
  readonly name: string;
  /** safetensors' spelling, of a storage or of PyTorch's dtype. */
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
  /** `detail` is what little is kept of what it was made of: the name of a NumPy dtype. */
  constructor(readonly name: string, readonly detail: unknown = null) {}
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

/** Tensors of newer types name theirs, and lie in bytes without one. */
const UNTYPED = "torch.storage.UntypedStorage";

const DTYPES: Readonly<Record<string, string>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  float64: "F64",
  int64: "I64",
  int32: "I32",
  uint16: "U16",
  uint32: "U32",
  uint64: "U64",
  float8_e4m3fn: "F8_E4M3",
  float8_e5m2: "F8_E5M2",
  float8_e8m0fnu: "F8_E8M0",
};

/**
 * Python's own classes that are kept as opaque objects: what hyperparameters and trainers' states are made of. Protocol 2,
 * which torch.save() writes, calls three of them as Python 2 did.
 */
const PLAIN = [
  ...[
    "set",
    "frozenset",
    "bytearray",
    "complex",
    "slice",
    "range",
    "list",
    "tuple",
    "int",
    "float",
    "str",
    "bool",
  ],
  ...["xrange", "long", "unicode"],
];

/** Kept as dicts, whatever they add to one. */
const DICTS = new Set([
  "collections.defaultdict",
  "collections.Counter",
  "builtins.dict",
  "__builtin__.dict",
]);

/** Kept as opaque objects: what Lightning, OmegaConf and NumPy leave beside the weights of published checkpoints. */
const INERT = new Set([
  ...PLAIN.flatMap((name) => [`builtins.${name}`, `__builtin__.${name}`]),
  "argparse.Namespace",
  "collections.deque",
  "types.SimpleNamespace",
  "typing.Any",
  ...["date", "datetime", "time", "timedelta", "timezone"].map((name) => `datetime.${name}`),
  ...["Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath"]
    .flatMap((name) => [`pathlib.${name}`, `pathlib._local.${name}`]),
  ...["base.ContainerMetadata", "base.Metadata", "dictconfig.DictConfig", "listconfig.ListConfig"]
    .map((name) => `omegaconf.${name}`),
  ...["AnyNode", "BooleanNode", "FloatNode", "IntegerNode", "StringNode"].map((name) =>
    `omegaconf.nodes.${name}`
  ),
  "torch.device",
  "torch.nn.modules.container.ParameterDict",
  "numpy.ndarray",
  ...["multiarray._reconstruct", "numeric._frombuffer"]
    .flatMap((name) => [`numpy.core.${name}`, `numpy._core.${name}`]),
  "pytorch_lightning.callbacks.ModelCheckpoint",
  "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
  "lightning.pytorch.callbacks.model_checkpoint.ModelCheckpoint",
]);

/** Numbers that NumPy left: a trainer's step may be one. */
const NUMBERS: Readonly<Record<string, Name["kind"]>> = {
  "_codecs.encode": "encode",
  "numpy.dtype": "numpy_dtype",
  "numpy.core.multiarray.scalar": "numpy_scalar",
  "numpy._core.multiarray.scalar": "numpy_scalar",
};

/** What a name stands for, or null for all that no state dict needs. */
export function lookUp(module: string, name: string): Name | null {
  const full = `${module}.${name}`;
  if (full === "collections.OrderedDict") return { kind: "ordered_dict", name: full };
  if (DICTS.has(full)) return { kind: "dict", name: full };
  if (full === "torch._utils._rebuild_tensor_v2" || full === "torch._utils._rebuild_tensor") {
    return { kind: "rebuild_tensor", name: full };
  }
  if (full === "torch._utils._rebuild_tensor_v3") return { kind: "rebuild_typed_tensor", name: full };
  if (full === UNTYPED) return { kind: "storage", name: full, dtype: "U8" };
  if (module === "torch" && Object.hasOwn(DTYPES, name)) {
    return { kind: "dtype", name: full, dtype: DTYPES[name] };
  }
  if (full === "torch._utils._rebuild_parameter") return { kind: "rebuild_parameter", name: full };
  if (full === "torch.Size") return { kind: "size", name: full };
  if ((module === "torch" || module === "torch.cuda") && Object.hasOwn(STORAGES, name)) {
    return { kind: "storage", name: full, dtype: STORAGES[name] };
  }
  if (Object.hasOwn(NUMBERS, full)) return { kind: NUMBERS[full], name: full };
  return INERT.has(full) ? { kind: "inert", name: full } : null;
}
