/** Starting a jSquash codec from the .wasm inside its package: no network, also inside a compiled executable. */

type Init = (module: WebAssembly.Module, options?: Record<string, unknown>) => Promise<void>;

const started = new Map<string, Promise<void>>();

/**
 * Compiles the module that `specifier` names (a path inside an npm package) and hands it to the codec's `init`;
 * once per process. The codec's own complaints are silenced: the caller reports what failed, with the file's name.
 */
export function wasmModule(specifier: string, init: Init): Promise<void> {
  let ready = started.get(specifier);
  if (!ready) {
    ready = (async () => {
      const bytes = await Deno.readFile(new URL(import.meta.resolve(specifier)));
      const silent = () => {};
      await init(await WebAssembly.compile(bytes), { print: silent, printErr: silent });
    })();
    started.set(specifier, ready);
  }
  return ready;
}
