// SPDX-License-Identifier: Apache-2.0
#include "fds/trace_descriptors.h"

#include <algorithm>
#include <limits>

namespace tornado::cli {

void DescriptorTable::set_unmarked(int fd, OriginPtr by) {
  Entry& entry = entries_[fd];
  entry.unmarked = std::move(by);
  entry.marked = false;
}

void DescriptorTable::set_marked(int fd) {
  const auto found = entries_.find(fd);
  if (found == entries_.end()) return;
  found->second.unmarked = nullptr;
  found->second.marked = true;
}

void DescriptorTable::set_if_free(int fd, const OriginPtr& origin, bool marked) {
  const auto found = entries_.find(fd);
  if (found == entries_.end() || found->second.closing) set(fd, origin, marked);
}

void DescriptorTable::close_range(unsigned first, unsigned last, bool shared) {
  constexpr unsigned greatest = std::numeric_limits<int>::max();
  if (first > greatest || first > last) return;
  const auto begin = entries_.lower_bound(static_cast<int>(first));
  const auto end = entries_.upper_bound(static_cast<int>(std::min(last, greatest)));
  if (shared) {
    std::for_each(begin, end, [](auto& entry) { entry.second.closing = true; });
  } else {
    entries_.erase(begin, end);
  }
}

void DescriptorTable::keep_only(const std::set<int>& open) {
  std::erase_if(entries_,
                [&](const auto& entry) { return !open.contains(entry.first); });
  for (auto& entry : entries_) entry.second.closing = false;
}

DescriptorTable::Entry DescriptorTable::get(int fd) const {
  const auto found = entries_.find(fd);
  return found == entries_.end() ? Entry() : found->second;
}

}  // namespace tornado::cli
