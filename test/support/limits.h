// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>
#include <sys/socket.h>

#include <stdexcept>

#include "support/child.h"

namespace tornado::test {

/// Whether a DescriptorLimit may be that high here.
inline bool can_have_descriptors(rlim_t count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max >= count;
}

/// Of descriptors. Not under valgrind, which keeps some above it for itself.
inline bool can_lower_hard_limit() {
  return is_true_in_child([] {
    const rlimit low{40, 50};
    return ::setrlimit(RLIMIT_NOFILE, &low) == 0;
  });
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

/// Whether every call keeps to a DescriptorLimit. Valgrind 3.19 says of a socketpair
/// beyond it that it was made.
inline bool descriptor_limit_holds() {
  return is_true_in_child([] {
    const DescriptorLimit limit(1);
    int ends[2];
    return ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == -1;
  });
}

}  // namespace tornado::test
