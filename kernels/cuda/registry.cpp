// The table from opcode to prepare function. The functions are weak: an op whose file does not exist has no
// entry.
#include "kernel.h"

namespace easel {

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

}  // namespace easel
