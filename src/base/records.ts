/** The fixed sizes of the instruction format, shared by the encoder, the generated header and the library check. */

/** The instruction format has room for this many axes. */
export const MAX_RANK = 5;
export const MAX_OPERANDS = 12;
export const MAX_ATTRS = 8;
/** sizeof(easel_tensor) and sizeof(easel_instruction). */
export const TENSOR_BYTES = 8 + 8 * MAX_RANK + 8 + 8;
export const INSTRUCTION_BYTES = 12 + 4 * MAX_OPERANDS + 4 + 8 * MAX_ATTRS;
