/**
 * TensorBoard's event files: TFRecord frames around Event messages (protocol buffers). What
 * torch's SummaryWriter writes for the same calls, so any TensorBoard shows them.
 */

import { joined } from "../../base/joined.ts";
import { join } from "node:path";
import { writeAll } from "../../base/files/atomic.ts";
import { UserError } from "../../base/errors.ts";
import { crc32c } from "../crc32.ts";
import { bytesField, integer, message, textField } from "./protobuf_writer.ts";

/** Files of one process, so that two opened in the same second have different names. */
let opened = 0;

/** What SummaryWriter is told besides the folder. */
export interface EventWriterOptions {
  /** Ends the file's name. */
  readonly suffix?: string;
  /** Steps from here on that earlier files of the folder hold are no longer shown. */
  readonly purgeStep?: number | null;
}

/** Appends events to a new file; each is on its way to the disk when the call returns. */
export class EventWriter {
  readonly path: string;
  readonly #file: Deno.FsFile;

  /** Makes `folder` and a file in it named as SummaryWriter would. Throws UserError when that cannot be. */
  constructor(
    folder: string,
    now: number = Date.now(),
    { suffix = "", purgeStep = null }: EventWriterOptions = {},
  ) {
    const seconds = String(Math.floor(now / 1000)).padStart(10, "0");
    this.path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${Deno.pid}.${opened++}${suffix}`);
    try {
      Deno.mkdirSync(folder, { recursive: true });
      this.#file = Deno.openSync(this.path, { createNew: true, append: true });
    } catch (cause) {
      throw new UserError(
        `${this.path}: cannot be made (${(cause as Error).message}); choose another logging_dir`,
        {
          cause,
        },
      );
    }
    this.#write(now, 0, textField(3, "brain.Event:2"));
    if (purgeStep === null) return;
    this.#write(now, purgeStep, textField(3, "brain.Event:2"));
    this.#write(now, purgeStep, message(7, [integer(1, 1)])); // session_log { status: START }
  }

  /** add_scalar(): a number of a step; kept as float32. */
  scalar(tag: string, value: number, step: number, now: number = Date.now()): void {
    const simpleValue = new Uint8Array(5);
    simpleValue[0] = 2 << 3 | 5;
    new DataView(simpleValue.buffer).setFloat32(1, value, true);
    this.#summary(now, step, [textField(1, tag), simpleValue]);
  }

  /** add_text(): markdown. */
  text(tag: string, markdown: string, step: number, now: number = Date.now()): void {
    const metadata = message(9, [message(1, [textField(1, "text")])]); // plugin_data { plugin_name }
    const shape = message(2, [message(2, [integer(1, 1)])]); // tensor_shape { dim { size: 1 } }
    const tensor = message(8, [integer(1, 7), shape, textField(8, markdown)]); // DT_STRING
    this.#summary(now, step, [textField(1, `${tag}/text_summary`), tensor, metadata]);
  }

  /** What one of TensorBoard's plugins reads, of no step. */
  plugin(tag: string, name: string, content: Uint8Array, now: number = Date.now()): void {
    const data = message(1, [textField(1, name), bytesField(2, content)]); // plugin_data { plugin_name content }
    this.#summary(now, 0, [textField(1, tag), message(9, [data])]);
  }

  /** An RGB picture as the bytes of a PNG file. */
  image(
    tag: string,
    png: Uint8Array,
    width: number,
    height: number,
    step: number,
    now: number = Date.now(),
  ): void {
    const image = message(4, [integer(1, height), integer(2, width), integer(3, 3), bytesField(4, png)]);
    this.#summary(now, step, [textField(1, tag), image]);
  }

  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #summary(now: number, step: number, value: Uint8Array[]): void {
    this.#write(now, step, message(5, [message(1, value)]));
  }

  #write(now: number, step: number, what: Uint8Array): void {
    const wallTime = new Uint8Array(9);
    wallTime[0] = 1 << 3 | 1;
    new DataView(wallTime.buffer).setFloat64(1, now / 1000, true);
    const event = joined(Uint8Array, [wallTime, ...(step === 0 ? [] : [integer(2, step)]), what]);
    try {
      writeAll(this.#file, frame(event));
    } catch (cause) {
      throw new UserError(`${this.path}: cannot be written (${(cause as Error).message}); free some space`, {
        cause,
      });
    }
  }
}

/** TFRecord: length, its checksum, the bytes, their checksum. */
export function frame(record: Uint8Array): Uint8Array {
  const out = new Uint8Array(16 + record.length), view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(record.length), true);
  view.setUint32(8, maskedCrc(out.subarray(0, 8)), true);
  out.set(record, 12);
  view.setUint32(12 + record.length, maskedCrc(record), true);
  return out;
}

/** A CRC of data that hold CRCs is weak, so TFRecord stores it rotated and shifted. */
export function maskedCrc(record: Uint8Array): number {
  const crc = crc32c(record);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function hostname(): string {
  try {
    return Deno.hostname().replaceAll(/[^\w.-]/g, "_") || "localhost";
  } catch {
    return "localhost";
  }
}
