/** Python literals: what repr(ast.literal_eval(text)) gives in CPython 3. */

import assert from "node:assert/strict";
import { readLiteral, strOf } from "../../src/text/python_literal.ts";

const GOOD: readonly [text: string, repr: string][] = [
  ["0.9,0.999", "(0.9, 0.999)"],
  [".9,.999", "(0.9, 0.999)"],
  ["0.9, 0.999", "(0.9, 0.999)"],
  ["0.9 ,0.999", "(0.9, 0.999)"],
  [" 0.1,", "(0.1,)"],
  ["(0.9,0.99)", "(0.9, 0.99)"],
  ["((1))", "1"],
  ["()", "()"],
  ["(1,)", "(1,)"],
  ["[1,2,]", "[1, 2]"],
  ["1_000", "1000"],
  ["0x1F", "31"],
  ["0b101", "5"],
  ["0o17", "15"],
  ["1e-3", "0.001"],
  ["1.", "1.0"],
  ["1E5", "100000.0"],
  ["-.5", "-0.5"],
  ["- 1", "-1"],
  ["+2", "2"],
  ["-(1)", "-1"],
  ["1e999", "inf"],
  ["1_0.5e1_0", "105000000000.0"],
  ["'a'", "'a'"],
  ['"it\'s"', '"it\'s"'],
  ["'a' \"b\"", "'ab'"],
  ["r'\\n'", "'\\\\n'"],
  ["'\\n\\x41\\u00e9'", "'\\nA\u00e9'"],
  ["'''x'''", "'x'"],
  ["True", "True"],
  ["None", "None"],
  ["False,None", "(False, None)"],
  ["{'a': 1, 'b': [2.0]}", "{'a': 1, 'b': [2.0]}"],
  ["{}", "{}"],
  ["{1, 2}", "{1, 2}"],
  ["set()", "set()"],
  ["{1,}", "{1}"],
  ["{'a':1,}", "{'a': 1}"],
  ["(1, (2, 3),)", "(1, (2, 3))"],
  ["[[]]", "[[]]"],
  ["'a=b'", "'a=b'"],
  ["10000000000000000000000", "10000000000000000000000"],
  ["1e-8", "1e-08"],
  ["00", "0"],
  ["-0.0", "-0.0"],
  ["('a',)", "('a',)"],
  ["u'x'", "'x'"],
  ["'\\''", '"\'"'],
  [" [\n1\n]", "[1]"],
];

for (const [text, repr] of GOOD) {
  Deno.test(`readLiteral() reads ${JSON.stringify(text)}`, () => assert.equal(readLiteral(text).repr, repr));
}

Deno.test("readLiteral() gives plain values", () => {
  assert.deepEqual(readLiteral(".9, 1e-3").value, [0.9, 0.001]);
  assert.deepEqual(readLiteral("[True, None, 'a,b',]").value, [true, null, "a,b"]);
  assert.deepEqual(readLiteral("{'a': -0x10}").value, new Map([["a", -16]]));
  assert.equal(strOf(readLiteral("'it''s'")), "its");
  assert.equal(strOf(readLiteral("0.9,0.990")), "(0.9, 0.99)");
});

const BAD = [
  "",
  "(1, 2",
  "1 2",
  "01",
  "1.2.3",
  "1j",
  "--1",
  "-True",
  "-'a'",
  "__import__('os')",
  "f'x'",
  "(,)",
  "1,,2",
  "{1: 2, 3}",
  "{1, 2: 3}",
  "'a",
  "1_",
  "0x",
  "True1",
  "[1)",
  "'a\nb'",
  "nan",
  "cosine",
  "1+1",
  "a.b",
  "'\\xZZ'",
  "(".repeat(150) + ")".repeat(150),
];

Deno.test("readLiteral() takes nothing else", () => {
  for (const text of BAD) assert.throws(() => readLiteral(text), SyntaxError, text);
});
