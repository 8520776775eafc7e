// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <stdexcept>

namespace tornado::test {

/// Whether a DescriptorLimit may be that high here.
inline bool can_have_descriptors(rlim_t count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max >= count;
}

/// The greatest number of descriptors, lowered (or raised, as far as the hard limit
/// goes) in this scope.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t soft) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit wanted{soft, before_.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &wanted) == -1) {
      throw std::runtime_error("setrlimit(RLIMIT_NOFILE)");
    }
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

}  // namespace tornado::test
