/** TensorBoard's event files read: the numbers in them, frame by frame as they come. Format: event_file.ts. */

import { maskedCrc } from "./event_file.ts";

export interface ScalarEvent {
  readonly tag: string;
  readonly step: number;
  readonly value: number;
  /** Unix time in seconds. */
  readonly time: number;
}

/** A record is a few hundred bytes, or a picture; a length beyond this is no length. */
const LONGEST = 256 << 20;

/**
 * The numbers in whole frames of `bytes`, and how many bytes those take: the rest is still being written. `damaged` says
 * that a checksum is wrong; what comes behind it cannot be found any more.
 */
export function readScalars(bytes: Uint8Array): { events: ScalarEvent[]; used: number; damaged: boolean } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), events: ScalarEvent[] = [];
  let at = 0;
  while (at + 12 <= bytes.length) {
    const length = Number(view.getBigUint64(at, true));
    if (view.getUint32(at + 8, true) !== maskedCrc(bytes.subarray(at, at + 8)) || length > LONGEST) {
      return { events, used: at, damaged: true };
    }
    const end = at + 16 + length;
    if (end > bytes.length) break;
    const record = bytes.subarray(at + 12, at + 12 + length);
    if (view.getUint32(end - 4, true) !== maskedCrc(record)) return { events, used: at, damaged: true };
    for (const event of scalarsOf(record)) events.push(event);
    at = end;
  }
  return { events, used: at, damaged: false };
}

/** A checksum that holds says that a program wrote it, not that it wrote sense. */
function scalarsOf(record: Uint8Array): ScalarEvent[] {
  try {
    const event = [...fieldsOf(record)],
      number = (field: number) => event.find((one) => one.field === field)?.number;
    const time = number(1) ?? 0, step = number(2) ?? 0;
    return event.filter((one) => one.field === 5 && one.bytes).flatMap((summary) =>
      [...fieldsOf(summary.bytes!)].filter((one) => one.field === 1 && one.bytes).flatMap(({ bytes }) => {
        const value = [...fieldsOf(bytes!)], tag = value.find((one) => one.field === 1)?.bytes;
        const simple = value.find((one) => one.field === 2)?.number ?? tensorScalar(value);
        return tag && simple !== undefined
          ? [{ tag: new TextDecoder().decode(tag), step, value: simple, time }]
          : [];
      })
    );
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}

/** What newer writers keep a scalar in: a tensor of one float32 (DT_FLOAT is 1), as float_val or as its bytes. */
function tensorScalar(value: readonly WireField[]): number | undefined {
  const tensor = value.find((one) => one.field === 8)?.bytes;
  if (!tensor) return undefined;
  const fields = [...fieldsOf(tensor)];
  if (fields.find((one) => one.field === 1)?.number !== 1) return undefined;
  const bytes = fields.find((one) => one.field === 4 || one.field === 5)?.bytes;
  if (bytes?.length === 4) return new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true);
  return fields.find((one) => one.field === 5)?.number;
}

interface WireField {
  readonly field: number;
  readonly number?: number;
  readonly bytes?: Uint8Array;
}

/** Throws RangeError for what is no message. */
function* fieldsOf(bytes: Uint8Array): Generator<WireField> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1, count = 0; count < 10; scale *= 128, count++) {
      const byte = view.getUint8(at++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new RangeError("no number");
  };
  while (at < bytes.length) {
    const key = varint(), field = Math.floor(key / 8), wire = key % 8;
    if (wire === 0) yield { field, number: varint() };
    else if (wire === 1) yield { field, number: view.getFloat64((at += 8) - 8, true) };
    else if (wire === 5) yield { field, number: view.getFloat32((at += 4) - 4, true) };
    else if (wire === 2) {
      const length = varint();
      if (at + length > bytes.length) throw new RangeError("longer than its message");
      yield { field, bytes: bytes.subarray(at, at += length) };
    } else throw new RangeError("no field");
  }
}
