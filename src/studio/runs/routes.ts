/** What the page asks of runs. */

import { file, json } from "../server/answers.ts";
import { Refused, type Route } from "../studio.ts";
import { runDetails, runList, runSeries, samplePath } from "./view.ts";

export const routes: readonly Route[] = [
  { method: "GET", path: "/api/runs", answer: (_, studio) => json(runList(studio)) },
  {
    method: "GET",
    path: "/api/runs/:id",
    answer: ({ params }, studio) => json(runDetails(studio, params.id)),
  },
  {
    method: "GET",
    path: "/api/runs/:id/series",
    answer({ params, url: { searchParams } }, studio) {
      const number = (name: string, otherwise: number) => {
        const text = searchParams.get(name), value = text === null ? otherwise : Number(text);
        if (Number.isNaN(value)) throw new Refused(400, `${name} is a number`);
        return value;
      };
      const range = { from: number("from", 0), to: number("to", Infinity), width: number("width", 1000) };
      return json(runSeries(studio, params.id, searchParams.getAll("metric"), range));
    },
  },
  {
    method: "GET",
    path: "/api/runs/:id/samples/:index",
    answer: ({ params }, studio) => file(samplePath(studio, params.id, Number(params.index))),
  },
];
