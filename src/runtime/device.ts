/** A device: one opened backend, its memory and its error texts. */

import type { DeviceInfo } from "./device_info.ts";
import { bytesText } from "../base/bytes.ts";
import { cacheFolder } from "../base/cache_folder.ts";
import { UserError } from "../base/errors.ts";
import type { Library } from "../../ffi/abi.ts";
import { type Backend, openLibrary } from "../../ffi/library.ts";
import type { Arena } from "./arena.ts";
import type { Buffer } from "./buffer.ts";
import { nvidiaFolders } from "./nvidia_folders.ts";

export interface DeviceOptions {
  /** Worker threads; 0 or absent: one for each core. */
  readonly threads?: number;
  /** Which of the backend's devices; 0 or absent: the first. */
  readonly ordinal?: number;
  /** Most bytes that may be taken at once (--vram_budget); absent: no limit but the memory's own. */
  readonly limitBytes?: number;
  /** True keeps NVIDIA's own libraries out (--no-vendor-libs); else they do what they do faster. */
  readonly noVendorLibs?: boolean;
}

/** Folders with a colon between them; whoever has set it keeps what was set. */
const NVIDIA_FOLDERS = "EASEL_NVIDIA_FOLDERS";
const STATUS_OUT_OF_MEMORY = 2;
/** Allocations below this are not worth asking the system how much it has. */
const LARGE = 256 << 20;
const LESS_MEMORY = "use a smaller batch or resolution";

export class Device {
  readonly #library: Library;
  readonly #atOpening: { available: number };
  readonly #sharesMemory: boolean;
  readonly pointer: NonNullable<Deno.PointerValue>;
  /** Bytes in use now: buffers, and what the backend holds for programs. */
  allocatedBytes = 0;
  /** The most at any time; where the host's memory is the device's (the CPU), with what lay on the host. */
  peakBytes = 0;
  #hostBytes = 0;
  /** What programs run in, see Arena. */
  readonly arenas = new Set<Arena>();

  constructor(
    library: Library,
    pointer: NonNullable<Deno.PointerValue>,
    readonly limitBytes = Infinity,
  ) {
    this.#library = library;
    this.pointer = pointer;
    this.#atOpening = this.#memory();
    this.#sharesMemory = this.info().backend === "cpu";
  }

  get symbols(): Library["symbols"] {
    return this.#library.symbols;
  }

  /** Throws the device's error text when `status` is not 0. */
  check(status: number): void {
    if (status === 0) return;
    const text = errorText(this.#library, this.pointer);
    throw new UserError(status === STATUS_OUT_OF_MEMORY ? `${text}; ${LESS_MEMORY}` : text);
  }

  /** The text of the last failure. */
  errorText(): string {
    return errorText(this.#library, this.pointer);
  }

  /** Allocates zeroed memory. Throws UserError when there is not enough. */
  alloc(bytes: number): Buffer {
    this.#refuse(bytes, this.#left, this.#budget);
    if (bytes >= LARGE) this.#refuse(bytes, this.room().withSwap, "out of memory");
    const out = new BigUint64Array(1);
    const status = this.symbols.easel_buffer_alloc(this.pointer, BigInt(Math.max(bytes, 64)), out);
    if (status === STATUS_OUT_OF_MEMORY) {
      const text = errorText(this.#library, this.pointer);
      throw new UserError(`${text}, ${bytesText(this.allocatedBytes)} are in use; ${LESS_MEMORY}`);
    }
    this.check(status);
    this.account(bytes);
    return { pointer: pointerFrom(out), bytes };
  }

  /** Counts memory that the backend took (or, negative, gave back) by itself. Throws UserError when it is over the limit. */
  account(bytes: number): void {
    if (bytes > 0) this.#refuse(bytes, this.#left, this.#budget);
    this.allocatedBytes += bytes;
    this.#recordPeak();
  }

  /** Counts what a job keeps on the host between programs (or, negative, gave back). No limit holds for it. */
  accountHost(bytes: number): void {
    if (!this.#sharesMemory) return;
    this.#hostBytes += bytes;
    this.#recordPeak();
  }

  #recordPeak(): void {
    this.peakBytes = Math.max(this.peakBytes, this.allocatedBytes + this.#hostBytes);
  }

  /** What the limit leaves, and how it is called. */
  get #left(): number {
    return this.limitBytes - this.allocatedBytes;
  }

  get #budget(): string {
    return `--vram_budget ${bytesText(this.limitBytes)}`;
  }

  #refuse(bytes: number, left: number, what: string): void {
    if (bytes <= left) return;
    throw new UserError(
      `${what}: ${bytesText(bytes)} more are needed and ${bytesText(Math.max(0, left))} can be had, ${
        bytesText(this.allocatedBytes)
      } are in use; ${LESS_MEMORY}`,
    );
  }

  /** Bytes that can still be taken: what is free on the device, within the limit; and with the swap space there is. */
  room(): { free: number; withSwap: number } {
    const { available, swap } = this.#memory();
    // A system counts pages as free until they are written to, and 0 is one that does not tell.
    const unwritten = this.#atOpening.available - this.allocatedBytes;
    const free = available > 0 ? Math.min(available, unwritten) : Infinity;
    return { free: Math.min(free, this.#left), withSwap: Math.min(free + swap, this.#left) };
  }

  #memory(): { available: number; swap: number } {
    const { available, swap = 0 } = this.info().memory;
    return { available, swap };
  }

  free(buffer: Buffer): void {
    this.symbols.easel_buffer_free(this.pointer, buffer.pointer);
    this.allocatedBytes -= buffer.bytes;
  }

  /** Copies bytes to `offset` of a buffer. */
  upload(buffer: Buffer, offset: number, data: Uint8Array): void {
    const source = data as Uint8Array<ArrayBuffer>;
    this.check(
      this.symbols.easel_buffer_upload(
        this.pointer,
        buffer.pointer,
        BigInt(offset),
        source,
        BigInt(data.length),
      ),
    );
  }

  /** Copies `data.length` bytes from `offset` of a buffer into `data`. */
  download(buffer: Buffer, offset: number, data: Uint8Array): void {
    const target = data as Uint8Array<ArrayBuffer>;
    this.check(
      this.symbols.easel_buffer_download(
        this.pointer,
        buffer.pointer,
        BigInt(offset),
        target,
        BigInt(data.length),
      ),
    );
  }

  info(): DeviceInfo {
    const text = new Uint8Array(4096);
    const bytes = Number(this.symbols.easel_device_info(this.pointer, text, BigInt(text.length)));
    return JSON.parse(new TextDecoder().decode(text.subarray(0, bytes - 1)));
  }

  close(): void {
    this.symbols.easel_device_close(this.pointer);
    this.#library.close();
  }
}

/** Opens a backend's device. Throws UserError when its library is missing or refuses. */
export function openDevice(
  backend: Backend = "cpu",
  { threads = 0, ordinal = 0, limitBytes, noVendorLibs }: DeviceOptions = {},
): Device {
  if (backend === "cuda" && !noVendorLibs) tellNvidiaFolders();
  const library = openLibrary(backend);
  const out = new BigUint64Array(1), limit = BigInt(limitBytes ?? 0);
  const choices = noVendorLibs ? null : new TextEncoder().encode(`${choicesFolder()}\0`);
  if (library.symbols.easel_device_open(ordinal, threads, limit, choices, out) !== 0) {
    const text = errorText(library, null);
    library.close();
    throw new UserError(text);
  }
  return new Device(library, pointerFrom(out), limitBytes);
}

/** The backend looks there after the loader; not with a driver that is named, which may be no card's. */
function tellNvidiaFolders(): void {
  if (Deno.env.get("EASEL_CUDA_DRIVER") || Deno.env.get(NVIDIA_FOLDERS) !== undefined) return;
  Deno.env.set(NVIDIA_FOLDERS, nvidiaFolders().join(":"));
}

/** Where the backend remembers which of two ways is faster; "" for nowhere. */
function choicesFolder(): string {
  const folder = cacheFolder();
  return folder === null ? "" : `${folder}/choices`;
}

/** The pointer that a C function stored into an 8-byte cell. */
export function pointerFrom(cell: BigUint64Array): NonNullable<Deno.PointerValue> {
  const pointer = Deno.UnsafePointer.create(cell[0]);
  if (pointer === null) throw new Error("the library returned a null handle");
  return pointer;
}

function errorText(library: Library, device: Deno.PointerValue): string {
  const text = library.symbols.easel_error(device);
  return text === null ? "the backend failed without saying why" : Deno.UnsafePointerView.getCString(text);
}
