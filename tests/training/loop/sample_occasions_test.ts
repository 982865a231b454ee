import assert from "node:assert/strict";
import { trainNetworkDefaults } from "../defaults.ts";
import { sampleNotes } from "../../../src/training/loop/sample_occasions.ts";

const CASES: readonly [flags: Partial<typeof trainNetworkDefaults>, notes: readonly RegExp[]][] = [
  [{}, []],
  [{ sampleSampler: "euler_a" }, [/--sample_sampler has no effect without --sample_prompts/]],
  [{ sampleEveryNSteps: 5 }, [/no sample pictures without --sample_prompts/]],
  [{ samplePrompts: "p.txt" }, [
    /no picture is ever drawn unless SIGUSR2 asks for it; give --sample_every_n_steps/,
  ]],
  [{ samplePrompts: "p.txt", sampleEveryNSteps: 10 }, []],
  [{ samplePrompts: "p.txt", sampleEveryNEpochs: 2 }, []],
  [{ samplePrompts: "p.txt", sampleAtFirst: true }, []],
  [{ samplePrompts: "p.txt", sampleEveryNSteps: 11 }, [/steps 11 is more than this run's 10: no picture/]],
  [{ samplePrompts: "p.txt", sampleEveryNEpochs: 3 }, [/epochs 3 is more than this run's 2: no picture/]],
  [{ samplePrompts: "p.txt", sampleEveryNSteps: 11, sampleAtFirst: true }, [/before the first step only/]],
  [{ samplePrompts: "p.txt", sampleEveryNSteps: 1, sampleEveryNEpochs: 1 }, [/no effect beside/]],
];

Deno.test("sample pictures that would never be drawn are told", () => {
  for (const [flags, wanted] of CASES) {
    const notes = sampleNotes({ ...trainNetworkDefaults, ...flags }, { steps: 10, epochs: 2 });
    assert.equal(notes.length, wanted.length, JSON.stringify(flags));
    wanted.forEach((pattern, i) => assert.match(notes[i], pattern));
  }
});
