// Switching between stacks in a dozen instructions. A fiber is what is left of one that was switched away
// from: its stack pointer, with the registers that a call must keep pushed below it.
#pragma once
#include <cstddef>

namespace simt {

// Saves where the caller is to *from and continues at `to`.
extern "C" void simt_switch(void** from, void* to);

// A stack (with a guard page below) whose first switch calls `start`, which must not return. Never freed.
void* new_fiber(void (*start)());

}  // namespace simt
