// The switch itself, for x86-64 and aarch64, and stacks for it.
#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

namespace simt {

#if defined(__x86_64__)
asm(R"(
.text
.globl simt_switch
.hidden simt_switch
.type simt_switch, @function
simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size simt_switch, .-simt_switch
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl simt_switch
.hidden simt_switch
.type simt_switch, %function
simt_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size simt_switch, .-simt_switch
)");
#else
#error "the simulator switches stacks on x86-64 and aarch64 only"
#endif

void* new_fiber(void (*start)()) {
  constexpr size_t kStack = 128 << 10, kGuard = 64 << 10;  // untouched pages cost nothing
  void* memory = mmap(nullptr, kStack + kGuard, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, kGuard, PROT_NONE) != 0) abort();
  auto* top = reinterpret_cast<uint64_t*>(static_cast<char*>(memory) + kGuard + kStack);
#if defined(__x86_64__)
  top -= 1;  // a return address that is never used: the stack is aligned as after a call
  *--top = reinterpret_cast<uint64_t>(start);
  return top - 6;
#else
  top -= 20;
  top[11] = reinterpret_cast<uint64_t>(start);  // x30
  return top;
#endif
}

}  // namespace simt
