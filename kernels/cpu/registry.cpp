// The table from opcode to prepare function, one for each instruction-set level.
#include "kernel.h"

namespace easel {
inline namespace EASEL_ISA {

const Prepare* kernel_table() {
  static const struct Table {
    Prepare by_opcode[EASEL_OPCODES] = {};
    Table() {
#define EASEL_ENTRY(OP, op) by_opcode[OP_##OP] = prepare_##op;
      EASEL_OPS(EASEL_ENTRY)
#undef EASEL_ENTRY
    }
  } table;
  return table.by_opcode;
}

}  // namespace EASEL_ISA
}  // namespace easel
