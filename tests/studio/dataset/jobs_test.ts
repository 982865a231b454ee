import assert from "node:assert/strict";
import { join } from "node:path";
import { routes } from "../../../src/studio/dataset/routes.ts";
import { answerOf, testStudio } from "../queue/test_studio.ts";

/** Stands for easel: writes captions once it may. */
const TAGGER = `while [ ! -e "$2/go" ]; do sleep 0.05; done
printf 'tagged' >"$2/a$4"; printf 'tagged' >"$2/b$4"
echo '{"v":1,"event":"done","command":"x","seconds":1,"exit_code":0}'`;

Deno.test("what a tagging job writes is shown before and after, and taken back as one step", async () => {
  const folder = Deno.realPathSync(Deno.makeTempDirSync()), ends = new AbortController();
  const read = (name: string) => Deno.readTextFileSync(join(folder, name));
  try {
    for (const name of ["a.png", "b.png", "c.png"]) Deno.writeTextFileSync(join(folder, name), "");
    Deno.writeTextFileSync(join(folder, "a.txt"), "mine");
    Deno.writeTextFileSync(join(folder, "tagger.sh"), TAGGER);
    const studio = testStudio(folder, ["/bin/sh", join(folder, "tagger.sh")], ends.signal);
    const ask = async (method: "GET" | "POST", path: string, fields: Record<string, unknown>) => {
      const all = { folder, extension: ".txt", ...fields };
      const query = method === "GET"
        ? `?${new URLSearchParams(Object.entries(all).map(([k, v]) => [k, `${v}`]))}`
        : "";
      const answer = await answerOf(routes, studio, method, `/api/dataset/${path}`, { query, body: all });
      return JSON.parse((await answer.text()).trim().split("\n").at(-1)!);
    };
    const job = { command: "tag_images_by_wd14_tagger", args: ["--thresh", "0.5"] };
    await assert.rejects(ask("POST", "jobs", { ...job, args: ["--no_such_flag"] }), /no_such_flag/);
    await assert.rejects(ask("POST", "jobs", { ...job, command: "train_network" }), /command: one of/);
    assert.deepEqual((await ask("GET", "names", {})).steps.done, [], "what was not queued leaves no step");

    const { step } = await ask("POST", "jobs", job);
    await assert.rejects(ask("POST", "jobs", job), { status: 409 });
    assert.match((await ask("POST", "undo", { way: "undo" })).error, /is not over/);
    Deno.writeTextFileSync(join(folder, "go"), "");
    let steps = (await ask("GET", "names", {})).steps;
    for (const end = Date.now() + 20_000; steps.done[0]?.open && Date.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      steps = (await ask("GET", "names", {})).steps;
    }
    assert.deepEqual([steps.done[0].open, steps.done[0].count], [false, 2]);
    const { changes } = await ask("GET", "step", { id: step });
    assert.deepEqual(changes, [
      { file: "a.txt", before: "mine", after: "tagged" },
      { file: "b.txt", before: null, after: "tagged" },
    ]);
    assert.equal((await ask("POST", "undo", { way: "undo" })).changed, 2);
    assert.equal(read("a.txt"), "mine");
    assert.throws(() => read("b.txt"), Deno.errors.NotFound);
  } finally {
    ends.abort();
    Deno.removeSync(folder, { recursive: true });
  }
});
