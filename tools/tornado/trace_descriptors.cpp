// SPDX-License-Identifier: Apache-2.0
#include "trace_descriptors.h"

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

void DescriptorTable::close_range(unsigned first, unsigned last) {
  std::erase_if(entries_, [&](const auto& entry) {
    const auto fd = static_cast<unsigned>(entry.first);
    return fd >= first && fd <= last;
  });
}

void DescriptorTable::keep_only(const std::set<int>& open) {
  std::erase_if(entries_,
                [&](const auto& entry) { return !open.contains(entry.first); });
}

DescriptorTable::Entry DescriptorTable::get(int fd) const {
  const auto found = entries_.find(fd);
  return found == entries_.end() ? Entry() : found->second;
}

}  // namespace tornado::cli
