// The parts of the simulator: memory.cpp (the device's memory and who may touch what), scheduler.cpp (blocks,
// fibers, barriers), collectives.cpp (what a warp does together), context.h (what the driver's functions
// share; driver.cpp says where they are).
#pragma once
#include <string>
#include <vector>

#include "../pointwise.h"
#include "device.h"

namespace simt {

struct Range {
  const char* begin;
  size_t bytes;
};

// ---- memory ----
// Settings from the environment: EASEL_SIMT_MEMORY (bytes of device memory), EASEL_SIMT_CAPABILITY (75, 80,
// 86, 89, 90), EASEL_SIMT_DRIVER_VERSION (13000), EASEL_SIMT_DEVICES, EASEL_SIMT_LOSE_AFTER (launches until
// the card falls off the bus), EASEL_SIMT_MULTIPROCESSORS (2), EASEL_SIMT_GRAPH_DELAY (microseconds that
// the launch of a graph takes; time is counted then), EASEL_SIMT_IDLE (nothing is computed).
long setting(const char* name, long otherwise);

char* device_alloc(size_t bytes);  // null: out of memory
bool device_free(char* data);
size_t device_total();
size_t device_available();
// Whether the bytes lie within one live allocation.
bool is_device(const void* p, size_t bytes);

// What a launch may touch: all ranges of device memory, none: every live allocation; and its shared memory.
void allow(const std::vector<Range>& ranges, size_t shared_bytes);
// Faults unless the running thread may access the bytes, which must be aligned to their size (1, 2, 4, 8,
// 16).
void check_access(const void* p, size_t bytes, bool store, Place place);
// The instruction that the last checked access belongs to: "libeasel_simt.so+0x1234", for addr2line.
std::string accessed_from();
// The block's shared memory: as large as any card has, behind it nothing.
constexpr size_t kSharedMost = 256 << 10;
unsigned char* shared_block();

// ---- scheduler ----
struct Launch {
  const Kernel* kernel;
  Index grid, block;
  size_t shared;
  std::vector<char> arguments;  // one after the other, where argument_offsets() says
  std::vector<Range> ranges;
};
std::vector<size_t> argument_offsets(const Kernel& kernel);  // multiples of 16; last: the bytes of all
// Runs every block. False: a thread did what a GPU does not forgive; fault_text says what.
bool run(const Launch& launch);
extern std::string fault_text;

// ---- between scheduler and collectives ----
int current_thread();
int block_threads();
// The running thread waits until wake(); `place` is for the report when that never happens.
void wait_here(Place place, const char* what);
void wake(int thread);

// Forget what an earlier block left: copies that nobody waited for never arrive.
void reset_collectives();
void reset_hopper();

}  // namespace simt
