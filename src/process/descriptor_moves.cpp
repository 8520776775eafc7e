// SPDX-License-Identifier: Apache-2.0
#include "process/descriptor_moves.h"

#include <algorithm>

namespace tornado {
namespace {

class Planner {
 public:
  explicit Planner(std::vector<DescriptorMove> wanted) : pending_(std::move(wanted)) {
    for (const DescriptorMove& move : pending_) {
      kept_.push_back(move.to);
      highest_ = std::max(highest_, move.from);
    }
    std::sort(kept_.begin(), kept_.end());
  }

  DescriptorPlan run() {
    const auto first_unneeded = static_cast<unsigned>(highest_ + 1);
    emit_if([](const DescriptorMove& move) { return move.from == move.to; });
    while (!pending_.empty()) {
      if (!emit_if([this](const DescriptorMove& m) { return !is_source(m.to); })) {
        break_cycle();
      }
    }
    return {std::move(moves_), std::move(kept_), first_unneeded};
  }

 private:
  bool is_source(int fd) const {
    return std::any_of(pending_.begin(), pending_.end(),
                       [fd](const DescriptorMove& move) { return move.from == fd; });
  }

  template <class MayGo>
  bool emit_if(MayGo may_go) {
    std::vector<DescriptorMove> rest;
    const std::size_t before = moves_.size();
    for (const DescriptorMove& move : pending_) {
      (may_go(move) ? moves_ : rest).push_back(move);
    }
    pending_ = std::move(rest);
    return moves_.size() != before;
  }

  // All that is left goes in circles: one steps aside.
  void break_cycle() {
    const int from = pending_.front().from;
    const int aside = free_number();
    moves_.push_back({from, aside});
    for (DescriptorMove& move : pending_) {
      if (move.from == from) move.from = aside;
    }
  }

  int free_number() const {
    int number = 0;
    while (is_source(number) ||
           std::binary_search(kept_.begin(), kept_.end(), number)) {
      ++number;
    }
    return number;
  }

  std::vector<DescriptorMove> pending_;
  std::vector<DescriptorMove> moves_;
  std::vector<int> kept_;
  int highest_ = -1;  // that is moved
};

}  // namespace

DescriptorPlan plan_descriptors(std::vector<DescriptorMove> wanted) {
  return Planner(std::move(wanted)).run();
}

}  // namespace tornado
