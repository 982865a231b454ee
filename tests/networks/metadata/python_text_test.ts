import assert from "node:assert/strict";
import { floatRepr, PyFloat, pyJson, pyStr } from "../../../src/networks/metadata/python_text.ts";

Deno.test("floatRepr() writes floats as Python's repr()", () => {
  const cases: [number, string][] = [
    [1, "1.0"],
    [0, "0.0"],
    [-0, "-0.0"],
    [1e-4, "0.0001"],
    [1e-5, "1e-05"],
    [2e-6, "2e-06"],
    [1.5e-7, "1.5e-07"],
    [123456.75, "123456.75"],
    [1e15, "1000000000000000.0"],
    [1e16, "1e+16"],
    [1.25e22, "1.25e+22"],
    [-0.1, "-0.1"],
    [0.26458333333333334, "0.26458333333333334"],
    [Infinity, "inf"],
  ];
  for (const [value, text] of cases) assert.equal(floatRepr(value), text);
});

Deno.test("pyStr() and pyJson() write what str() and json.dumps() write", () => {
  assert.equal(pyStr(null), "None");
  assert.equal(pyStr(true), "True");
  assert.equal(pyStr([64, 64]), "(64, 64)");
  assert.equal(pyStr(1), "1");
  const value = { 'ü\n"': [1, new PyFloat(1), null, false], empty: {} };
  assert.equal(pyJson(value), '{"\\u00fc\\n\\"": [1, 1.0, null, false], "empty": {}}');
});
