#include "choose.h"

#include <algorithm>
#include <cstdlib>

#include "../device.h"
#include "trial.h"
#include "vendor.h"

namespace easel {
namespace {

constexpr char kOwn[] = "own", kRefused[] = "refused";

// The result before operand k that lies in the same place: what is added to it is overwritten. Or -1.
int overwritten_by(const Question& q, size_t k) {
  const Address& at = q.operands[k].at;
  for (size_t r = 0; r < k; ++r) {
    const Question::Operand& o = q.operands[r];
    if (o.result && o.present() && !o.at.in_scratch && !at.in_scratch && o.at.data == at.data) return int(r);
  }
  return -1;
}

// With what the choice of a way may depend on besides: the operands' alignments, and which share a place.
std::string key_of(const Question& q) {
  std::string key = std::string(q.theirs) + ": " + q.key + ", at";
  for (size_t k = 0; k < q.operands.size(); ++k)
    if (q.operands[k].present())
      key += overwritten_by(q, k) >= 0 ? " result" : " " + std::to_string(alignment(q.operands[k].at));
  return key;
}

std::string prefix_of(const Question& q) { return std::string(q.theirs) + " "; }

Address workspace(const Instruction& i, size_t bytes) {
  if (!bytes) return {};
  const Scratch all = i.scratch(bytes + kWorkspaceAlignment);
  return {all, int64_t(padding(all))};
}

Places places_of(const Question& q) {
  Places at;
  for (const Question::Operand& o : q.operands) at.push_back(o.at);
  return at;
}

Run theirs(const Question& q, const std::shared_ptr<TheirWays>& ways, int which, const Places& at,
           const Address& scratch) {
  if (q.run) return q.run(ways, which, at, scratch);
  return [=] { ways->run(which, at, scratch); };
}

// Where operands lie in a trial. What is added to a result in its place is there, too.
struct Stage {
  TrialMemory memory;
  std::vector<size_t> offsets;
  size_t own = 0, theirs = 0;

  Stage(const Question& q, const TheirWays& ways) {
    for (size_t k = 0; k < q.operands.size(); ++k) {
      const Question::Operand& o = q.operands[k];
      const int result = overwritten_by(q, k);
      offsets.push_back(result >= 0   ? offsets[size_t(result)]
                        : o.present() ? memory.place(alignment(o.at), o.count * dtype_bytes(o.dtype))
                                      : 0);
    }
    size_t most = 0;
    for (int which = 0; which < ways.count(); ++which) most = std::max(most, ways.workspace(which));
    own = memory.room(q.own_scratch);
    theirs = memory.room(q.their_scratch + most);
  }
  Places places(const Question& q) const {
    Places at;
    for (size_t k = 0; k < offsets.size(); ++k)
      at.push_back(q.operands[k].present() ? Address(memory.at(offsets[k])) : Address());
    return at;
  }
};

Verdict try_both(Device& device, const Question& q, const std::shared_ptr<TheirWays>& ways, bool* tried) {
  *tried = true;
  if (ways->count() == 0) return {0, false, std::string(q.theirs) + " has no way"};
  Stage stage(q, *ways);
  *tried = stage.memory.take(device);
  if (!*tried) return {};
  const Places at = stage.places(q);
  std::vector<TrialResult> results;
  for (size_t k = 0; k < q.operands.size(); ++k) {
    const Question::Operand& o = q.operands[k];
    if (o.result)
      results.push_back({at[k].get(), o.count, o.dtype, o.allowed});
    else if (o.present() && overwritten_by(q, k) < 0)
      fill_for_trial(device, at[k].get(), o.dtype, o.count, uint32_t(k + 1), o.row, o.filled);
  }
  std::vector<Way> tries = {{"easel", q.own(at, Address(stage.memory.at(stage.own)))}};
  for (int which = 0; which < ways->count(); ++which)
    tries.push_back({prefix_of(q) + std::to_string(ways->id(which)),
                     theirs(q, ways, which, at, Address(stage.memory.at(stage.theirs)))});
  return try_ways(device, tries, results);
}

// Tries all ways and remembers the verdict; ours for now when there is no room to try.
Chosen decide(Device& device, const std::string& key, const Question& q) {
  Choices& choices = *device.vendor->choices;
  bool tried = false;
  try {
    const std::shared_ptr<TheirWays> ways = q.ask(-1);
    const Verdict v = try_both(device, q, ways, &tried);
    if (!tried) return {};
    const int which = v.best - 1;
    choices.put(key, {v.refused ? kRefused
                      : v.best  ? prefix_of(q) + std::to_string(ways->id(which))
                                : kOwn,
                      v.text});
    return v.refused || !v.best ? Chosen{} : Chosen{ways, which};
  } catch (const LostInTrial& e) {
    choices.put(key, {kRefused, e.what()});  // so that the next start does not try again
    choices.save();
    throw Failure(e.status, std::string(e.what()) + ", in " + q.theirs +
                                ", which is not asked again for the like; start once more");
  } catch (const Failure& e) {
    if (!device.lost.empty() || tried) throw;
    choices.put(key, {kRefused, e.what()});
    return {};
  }
}

// As it is remembered, where the library still offers that.
Chosen recall(const Choices::Entry& entry, const Question& q) {
  const int id = atoi(entry.choice.c_str() + prefix_of(q).size());
  try {
    const std::shared_ptr<TheirWays> ways = q.ask(id);
    for (int which = 0; which < ways->count(); ++which)
      if (ways->id(which) == id) return {ways, which};
  } catch (const Failure&) {
  }
  return {};
}

}  // namespace

Chosen chosen_way(const Instruction& i, const Question& q) {
  Device& device = i.device();
  Vendor& vendor = *device.vendor;
  const std::string key = key_of(q);
  Chosen& chosen = vendor.chosen[key];
  if (!chosen.ways) {
    const Choices::Entry* known = vendor.choices->find(key);
    if (known && !known->choice.starts_with(prefix_of(q))) return {};
    if (known) chosen = recall(*known, q);
    if (!chosen.ways) chosen = decide(device, key, q);
  }
  return chosen;
}

Run choose(const Instruction& i, const Question& q) {
  const auto [ways, which] = chosen_way(i, q);
  if (!ways) return {};
  const Address scratch = q.room.present() ? q.room : workspace(i, q.their_scratch + ways->workspace(which));
  return [run = theirs(q, ways, which, places_of(q), scratch)] {
    try {
      run();
    } catch (const Failure& e) {
      throw Failure(e.status, std::string(e.what()) + "; --no-vendor-libs computes without it");
    }
  };
}

}  // namespace easel
