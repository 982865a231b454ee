/** Reading Protocol Buffers' wire format (https://protobuf.dev/programming-guides/encoding): fields by number, nothing else. */

export interface Field {
  readonly number: number;
  /** Varints and fixed numbers as their 64 bits, everything else as its bytes. */
  readonly value: bigint | Uint8Array;
}

/** A message that is cut off or is none. */
export class ProtobufError extends Error {
  override name = "ProtobufError";
}

/** The fields of a message in their order. Throws ProtobufError. */
export function* fields(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (at >= bytes.length) break;
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new ProtobufError(`a number is cut off at byte ${at}`);
  };
  const take = (length: number): Uint8Array => {
    if (!(length <= bytes.length - at)) {
      throw new ProtobufError(`a field of ${length} bytes leaves the message at byte ${at}`);
    }
    return bytes.subarray(at, at += length);
  };
  while (at < bytes.length) {
    const key = varint(), number = Number(key >> 3n);
    switch (Number(key & 7n)) {
      case 0:
        yield { number, value: varint() };
        break;
      case 1:
        yield { number, value: take(8) };
        break;
      case 2:
        yield { number, value: take(Number(varint())) };
        break;
      case 5:
        yield { number, value: take(4) };
        break;
      default:
        throw new ProtobufError(`a field of an unknown kind at byte ${at}`);
    }
  }
}

/** All fields of a message by number. */
export class Message {
  readonly #fields = new Map<number, (bigint | Uint8Array)[]>();

  constructor(bytes: Uint8Array) {
    for (const { number, value } of fields(bytes)) {
      const list = this.#fields.get(number);
      if (list) list.push(value);
      else this.#fields.set(number, [value]);
    }
  }

  has(number: number): boolean {
    return this.#fields.has(number);
  }

  all(number: number): readonly (bigint | Uint8Array)[] {
    return this.#fields.get(number) ?? [];
  }

  /** Length-delimited fields. Throws ProtobufError where one is a number. */
  bytes(number: number): Uint8Array[] {
    return this.all(number).map((value) => {
      if (typeof value === "bigint") throw new ProtobufError(`field ${number} is a number`);
      return value;
    });
  }

  messages(number: number): Message[] {
    return this.bytes(number).map((bytes) => new Message(bytes));
  }

  texts(number: number): string[] {
    return this.bytes(number).map((bytes) => new TextDecoder().decode(bytes));
  }

  text(number: number): string {
    return this.texts(number).at(-1) ?? "";
  }

  /** A signed number; `standard` where the field is not there. */
  int(number: number, standard = 0): number {
    const value = this.all(number).at(-1);
    return typeof value === "bigint" ? Number(BigInt.asIntN(64, value)) : standard;
  }

  /** Signed numbers, packed or one by one. */
  ints(number: number): number[] {
    return this.all(number).flatMap((value) => {
      if (typeof value === "bigint") return [Number(BigInt.asIntN(64, value))];
      return [...varints(value)].map((v) => Number(BigInt.asIntN(64, v)));
    });
  }

  /** float32 numbers, packed or one by one. */
  floats(number: number): number[] {
    return this.bytes(number).flatMap((bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      return Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
    });
  }
}

function* varints(bytes: Uint8Array): Generator<bigint> {
  let value = 0n, shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte >= 0x80) continue;
    yield BigInt.asUintN(64, value);
    [value, shift] = [0n, 0n];
  }
}
