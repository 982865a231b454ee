/** The graph room's front door. */

export { checkpoint, gradients } from "./autodiff.ts";
export { between, both, bounded, type Bounds, boundsOf, exactly, largest } from "./bounds.ts";
export { elements, Graph, sameShape, type Shape, showShape, type Spec, type Tensor } from "./graph.ts";
export { Programs, type ProgramsOptions } from "./programs.ts";
export { compile, memoryNeeded } from "./compile.ts";
export { compileGraph, type CompileOptions, type Lowered } from "./lower.ts";
export { fitSegments, type Recomputed } from "./segments.ts";
export * from "./ops/mod.ts";
