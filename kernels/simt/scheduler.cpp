// Blocks run in turn. A thread runs on a fiber until it waits or ends; who waits is woken by the thread it
// waited for. A fiber whose thread has ended runs the next one that has not begun, so kernels without
// barriers never switch.
#include <cstdio>
#include <cstdlib>

#include "fiber.h"
#include "simulator.h"

namespace simt {

Index thread_index, block_index, block_size, grid_size;
unsigned char* shared_memory;
std::string fault_text;

namespace {

constexpr int kThreads = 1024;

struct Thread {
  enum { kNew, kReady, kWaiting, kEnded } state;
  void* fiber;  // where it waits
  Place place;
  const char* what;
};

Thread threads[kThreads];
int count, current, ended, at_barrier;
Place barrier_place;

// Threads that may run, in the order in which they became so.
int ready[kThreads + 1], ready_first, ready_last;
void push(int thread) {
  ready[ready_last] = thread;
  ready_last = (ready_last + 1) % (kThreads + 1);
}
int pop() {
  if (ready_first == ready_last) return -1;
  const int thread = ready[ready_first];
  ready_first = (ready_first + 1) % (kThreads + 1);
  return thread;
}

std::vector<void*> idle;  // fibers that stand in work(), between two threads
void* main_fiber;
bool faulted;
const Launch* launch;
void* arguments[64];

void become(int thread) {
  current = thread;
  thread_index = {unsigned(thread), 0, 0};
}

void work();

// Leaves `from`, for the next thread that may run or, when there is none, for run_block().
void leave(void** from) {
  const int next = pop();
  if (next < 0) return simt_switch(from, main_fiber);
  become(next);
  if (threads[next].state == Thread::kReady) return simt_switch(from, threads[next].fiber);
  void* fiber = idle.empty() ? new_fiber(work) : idle.back();
  if (!idle.empty()) idle.pop_back();
  simt_switch(from, fiber);
}

void work() {
  for (;;) {
    launch->kernel->call(arguments);
    threads[current].state = Thread::kEnded;
    ++ended;
    const int next = ready_first == ready_last ? -1 : ready[ready_first];
    if (next >= 0 && threads[next].state == Thread::kNew) {
      become(pop());
      continue;
    }
    idle.push_back(nullptr);
    leave(&idle.back());
  }
}

std::string place_text(Place place) {
  if (!place.file) return "";
  std::string file = place.file;
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(place.line);
}

void report(int thread, Place place, const std::string& what) {
  fault_text = std::string(launch->kernel->name) + ": block " + std::to_string(block_index.x) + " thread " +
               std::to_string(thread) + " at " + (place.file ? place_text(place) : accessed_from()) + ": " +
               what;
  faulted = true;
}

// Every thread waits or has ended, and some wait.
void report_deadlock() {
  int waiting = 0, other = -1, first = -1;
  for (int t = 0; t < count; ++t) {
    if (threads[t].state != Thread::kWaiting) {
      other = t;
      continue;
    }
    ++waiting;
    if (first < 0) first = t;
  }
  for (int t = 0; t < count && first >= 0; ++t)
    if (threads[t].state == Thread::kWaiting && threads[t].place.line != threads[first].place.line) other = t;
  std::string what = std::string(threads[first].what) + " reached by " + std::to_string(waiting) + " of " +
                     std::to_string(count) + " threads, not by thread " + std::to_string(other);
  if (other >= 0 && threads[other].state == Thread::kWaiting)
    what += ", which waits at " + place_text(threads[other].place);
  else
    what += ", which has ended";
  report(first, threads[first].place, what);
}

void run_block() {
  ready_first = ready_last = ended = at_barrier = 0;
  for (int t = 0; t < count; ++t) {
    threads[t].state = Thread::kNew;
    push(t);
  }
  reset_collectives();
  reset_hopper();
  memset(shared_memory, 0xff,
         launch->shared);  // NaN as floats, -1 as numbers: nothing may be taken for granted
  leave(&main_fiber);
  if (!faulted && ended < count) report_deadlock();
}

}  // namespace

int current_thread() { return current; }
int block_threads() { return count; }

void wait_here(Place place, const char* what) {
  Thread& self = threads[current];
  self.state = Thread::kWaiting;
  self.place = place;
  self.what = what;
  leave(&self.fiber);
}

void wake(int thread) {
  threads[thread].state = Thread::kReady;
  push(thread);
}

void block_barrier(Place place) {
  if (at_barrier == 0)
    barrier_place = place;
  else if (barrier_place.line != place.line || barrier_place.file != place.file)
    fault(place, ("this barrier, while others wait at the one at " + place_text(barrier_place)).c_str());
  if (++at_barrier < count) return wait_here(place, "a barrier");
  at_barrier = 0;
  for (int t = 0; t < count; ++t)
    if (t != current) wake(t);
}

// Gives up the whole block: its fibers are never continued.
void fault(Place place, const char* what) {
  report(current, place, what);
  void* abandoned;
  simt_switch(&abandoned, main_fiber);
  abort();
}

std::vector<size_t> argument_offsets(const Kernel& kernel) {
  std::vector<size_t> offsets = {0};
  for (int k = 0; k < kernel.parameters; ++k)
    offsets.push_back((offsets.back() + kernel.sizes[k] + 15) / 16 * 16);
  return offsets;
}

bool run(const Launch& l) {
  launch = &l;
  faulted = false;
  count = int(l.block.x);
  block_size = l.block;
  grid_size = l.grid;
  shared_memory = shared_block();
  const std::vector<size_t> offsets = argument_offsets(*l.kernel);
  for (int k = 0; k < l.kernel->parameters; ++k)
    arguments[k] = const_cast<char*>(l.arguments.data()) + offsets[size_t(k)];
  allow(l.ranges, l.shared);
  const bool reversed = setting("EASEL_SIMT_REVERSED", 0) != 0;
  const unsigned long blocks = 1ul * l.grid.x * l.grid.y * l.grid.z;
  for (unsigned long k = 0; k < blocks && !faulted; ++k) {
    const unsigned long at = reversed ? blocks - 1 - k : k;
    block_index = {unsigned(at % l.grid.x), unsigned(at / l.grid.x % l.grid.y),
                   unsigned(at / l.grid.x / l.grid.y)};
    run_block();
  }
  return !faulted;
}

}  // namespace simt
