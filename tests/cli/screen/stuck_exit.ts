/** easel in a process one of whose exit handlers of C never returns. */

const { symbols } = Deno.dlopen("libc.so.6", {
  pause: { type: "pointer" },
  __cxa_atexit: { parameters: ["pointer", "pointer", "pointer"], result: "i32" },
});
if (symbols.__cxa_atexit(symbols.pause, null, null) !== 0) throw new Error("no handler could be added");

await import("../../../main.ts");
