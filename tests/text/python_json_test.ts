import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { byCodePoint } from "../../src/text/code_points.ts";
import { parsePythonJson, pythonJson } from "../../src/text/python_json.ts";

Deno.test("JSON passes through as Python's json writes it again", () => {
  // expected texts: json.dumps(json.loads(text), indent=2) of Python 3.11
  const cases: [string, string][] = [
    ["{}", "{}"],
    [" [ ] ", "[]"],
    ['{"10": 1, "2": {"a": []}}', '{\n  "10": 1,\n  "2": {\n    "a": []\n  }\n}'],
    [
      "[1.0, 1e-7, 1E400, -0, -0.0, 123456789012345678901, NaN, -Infinity]",
      "[\n  1.0,\n  1e-07,\n  Infinity,\n  0,\n  -0.0,\n  123456789012345678901,\n  NaN,\n  -Infinity\n]",
    ],
    ['"\\u00e9\x7f\\ud83d\\ude00\\ud800/\\/\\n"', '"\\u00e9\\u007f\\ud83d\\ude00\\ud800//\\n"'],
    [
      '{"__proto__": true, "a": 1, "b": null, "a": false}',
      '{\n  "__proto__": true,\n  "a": false,\n  "b": null\n}',
    ],
  ];
  for (const [text, wanted] of cases) strictEqual(pythonJson(parsePythonJson(text)), wanted, text);
});

Deno.test("what is no JSON is refused with its line", () => {
  const deep = "[".repeat(100_000);
  for (
    const text of [
      "",
      "{",
      '{"a" 1}',
      '{"a": 1,}',
      "[1 2]",
      "01",
      "'a'",
      '"a\nb"',
      '"\\x"',
      "tru",
      "1 2",
      deep,
    ]
  ) {
    throws(() => parsePythonJson(text), SyntaxError, text.slice(0, 20));
  }
  throws(() => parsePythonJson('{\n"a": }'), /^SyntaxError: line 2: a value is wanted at "}"$/);
});

Deno.test("byCodePoint() puts characters beyond U+FFFF last", () => {
  deepStrictEqual(["😀", "Ａ", "b", "a", "ab", ""].sort(byCodePoint), ["", "a", "ab", "b", "Ａ", "😀"]);
});
