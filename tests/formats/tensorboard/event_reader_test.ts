import assert from "node:assert/strict";
import { join } from "node:path";
import { EventWriter, readScalars } from "../../../src/formats/mod.ts";

Deno.test("readScalars() gives what EventWriter wrote, frame by frame, and stops at a wrong checksum", async () => {
  const folder = await Deno.makeTempDir();
  const writer = new EventWriter(folder, 0);
  writer.text("options", "| a | b |", 0);
  for (let step = 1; step <= 300; step++) writer.scalar("loss/current", step / 4, step, step * 1000);
  writer.image("x", new Uint8Array(50), 1, 1, 3);
  writer.scalar("lr/unet", 0.5, 2 ** 33, 7000);
  writer.close();
  const bytes = await Deno.readFile(writer.path), { events, used, damaged } = readScalars(bytes);
  assert.deepEqual([events.length, used, damaged], [301, bytes.length, false]);
  assert.deepEqual(events[299], { tag: "loss/current", step: 300, value: 75, time: 300 });
  assert.deepEqual(events[300], { tag: "lr/unet", step: 2 ** 33, value: 0.5, time: 7 });
  const cut = readScalars(bytes.subarray(0, bytes.length - 1));
  assert.deepEqual([cut.events.length, cut.damaged], [300, false]);
  assert.deepEqual(readScalars(bytes.subarray(cut.used)).events, [events[300]]);
  for (let at = 0; at < 2000; at += 7) {
    const hurt = bytes.slice();
    hurt[at] ^= 0x40;
    const read = readScalars(hurt);
    assert.ok(read.damaged && read.used <= at, `byte ${at}`);
    assert.deepEqual(read.events, events.slice(0, read.events.length));
  }
  await Deno.remove(join(folder), { recursive: true });
});
