/** Running a jSquash codec from the .wasm inside its package: no network, also inside a compiled executable. */

type Init = (module: WebAssembly.Module, options?: Record<string, unknown>) => Promise<unknown>;

/** A codec: the path of its .wasm inside an npm package, and the package's function that starts it. */
export interface Codec {
  readonly specifier: string;
  readonly init: Init;
}

const compiled = new Map<string, Promise<WebAssembly.Module>>();
const started = new Map<string, Promise<unknown>>();

/** A codec's memory grows with its largest picture and never shrinks: after more pixels than this it starts anew. */
const LARGE = 2 ** 24;

/**
 * Decodes with a started codec. What was large or failed leaves a fresh one behind: a failure within C++ may have left
 * anything in its memory.
 */
export async function withCodec<T>(
  codec: Codec,
  { width, height }: { width: number; height: number },
  decode: () => Promise<T>,
): Promise<T> {
  await (started.get(codec.specifier) ?? start(codec));
  let worn = true;
  try {
    const result = await decode();
    worn = width * height > LARGE;
    return result;
  } finally {
    if (worn) await start(codec);
  }
}

/** Compiled once per process. The codec's own complaints are silenced: the caller says what failed, with the file's name. */
function start({ specifier, init }: Codec): Promise<unknown> {
  if (!compiled.has(specifier)) compiled.set(specifier, compile(specifier));
  const silent = () => {};
  const ready = compiled.get(specifier)!.then((module) => init(module, { print: silent, printErr: silent }));
  started.set(specifier, ready);
  return ready;
}

async function compile(specifier: string): Promise<WebAssembly.Module> {
  return await WebAssembly.compile(await Deno.readFile(new URL(import.meta.resolve(specifier))));
}
