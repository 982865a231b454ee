import assert from "node:assert/strict";
import { basename } from "node:path";
import { crc32, crc32c } from "../../../src/formats/crc32.ts";
import { EventWriter, frame } from "../../../src/formats/tensorboard/event_file.ts";
import { refuses } from "../hostile.ts";

const ascii = (text: string) => new TextEncoder().encode(text);

/** The records of an event file, with both checksums verified. */
function records(bytes: Uint8Array): Uint8Array[] {
  const out: Uint8Array[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length;) {
    const length = Number(view.getBigUint64(at, true));
    const record = bytes.slice(at + 12, at + 12 + length);
    assert.deepEqual(frame(record), bytes.slice(at, at + 16 + length));
    out.push(record);
    at += 16 + length;
  }
  return out;
}

Deno.test("the checksums have their published check values", () => {
  assert.equal(crc32(ascii("123456789")), 0xcbf43926);
  assert.equal(crc32c(ascii("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
});

Deno.test("an event file opens with its version, then holds one record for each scalar", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const writer = new EventWriter(`${folder}/logs`, 1_700_000_000_500);
    writer.scalar("loss/average", 0.25, 300, 1_700_000_001_000);
    writer.close();
    assert.match(basename(writer.path), /^events\.out\.tfevents\.1700000000\.[\w.-]+\.\d+\.\d+$/);
    const [version, scalar, ...rest] = records(Deno.readFileSync(writer.path));
    assert.equal(rest.length, 0);
    const time = (seconds: number) => [9, ...new Uint8Array(Float64Array.of(seconds).buffer)];
    assert.deepEqual([...version], [...time(1700000000.5), 0x1a, 13, ...ascii("brain.Event:2")]);
    const value = [0x0a, 12, ...ascii("loss/average"), 0x15, 0, 0, 0x80, 0x3e]; // tag, simple_value 0.25
    const summary = [0x0a, value.length, ...value];
    assert.deepEqual([...scalar], [...time(1700000001), 0x10, 0xac, 2, 0x2a, summary.length, ...summary]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a suffix ends the name; a purge step is said again with the start of a session", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const writer = new EventWriter(folder, 0, { suffix: ".mine", purgeStep: 7 });
    writer.close();
    assert.match(writer.path, /\.mine$/);
    const tails = records(Deno.readFileSync(writer.path)).map((record) => [...record.slice(9)]);
    const version = [0x1a, 13, ...ascii("brain.Event:2")];
    assert.deepEqual(tails, [version, [0x10, 7, ...version], [0x10, 7, 0x3a, 2, 8, 1]]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("two writers in one second have files of their own", () => {
  const folder = Deno.makeTempDirSync();
  try {
    using a = new EventWriter(folder, 0);
    using b = new EventWriter(folder, 0);
    assert.notEqual(a.path, b.path);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a folder that cannot be made is an error that names it", () => {
  refuses(() => new EventWriter("/dev/null/logs"), /^\/dev\/null\/logs.* cannot be made/);
});
