// Which of two ways a computation takes, our kernels' or a library's: decided once for each kind of
// computation, by trying both.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../address.h"

namespace easel {

using Places = std::vector<Address>;

// What a library can do for one kind of computation.
class TheirWays {
 public:
  virtual ~TheirWays() = default;
  virtual int count() const = 0;
  virtual int id(int which) const { return which; }  // what the library tells it by, also at the next start
  virtual size_t workspace(int which) const = 0;     // bytes
  // Enqueues the computation, with its operands at such places. Throws Failure.
  virtual void run(int which, const Places& at, const Address& workspace) const = 0;
};

// Our way with operands elsewhere, and with scratch there.
using OwnWay = std::function<Run(const Places& at, const Address& scratch)>;

struct Question {
  struct Operand {
    Address at;
    int32_t dtype;
    int64_t count;                // elements from the first to the last
    bool result = false;          // else it is only read
    int64_t row = 0, filled = 0;  // in rows of `row` only `filled` elements are not zero; 0: all are
    double allowed = 0;           // how far results may be apart, see try_ways; 0: by dtype
    bool present() const { return at.present(); }
  };
  std::string key;     // all that the computation depends on, alignments apart
  const char* theirs;  // "cublaslt", "cudnn"
  std::vector<Operand> operands;
  OwnWay own;
  size_t own_scratch = 0;  // bytes
  // Asks the library for the way of this id, or for all (-1).
  std::function<std::shared_ptr<TheirWays>(int id)> ask;
  // What the library's way takes, where that is more than its run() with a workspace: a Run that has
  // `their_scratch` bytes more, before the workspace.
  std::function<Run(const std::shared_ptr<TheirWays>&, int which, const Places& at, const Address& scratch)>
      run;
  size_t their_scratch = 0;
  Address room;  // where the library's workspace may go; by default scratch of its own
};

// Bytes from scratch's beginning to where a library's workspace may begin: at a multiple of 256.
constexpr size_t kWorkspaceAlignment = 256;
constexpr size_t whole(size_t bytes) {
  return (bytes + kWorkspaceAlignment - 1) / kWorkspaceAlignment * kWorkspaceAlignment;
}
inline size_t padding(const Scratch& scratch) { return -scratch.offset() % kWorkspaceAlignment; }

// The way that a kind of computation takes, as long as the device is open.
struct Chosen {
  std::shared_ptr<TheirWays> ways;
  int which = 0;
};

// The way that is taken, tried if it must be; without `ways` where our kernels are to do it.
Chosen chosen_way(const Instruction& i, const Question& q);

// The library's way, or an empty Run where our kernels are to do it.
Run choose(const Instruction& i, const Question& q);

}  // namespace easel
