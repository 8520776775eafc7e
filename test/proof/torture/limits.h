// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace tornado::torture {

/// What a process has too little of, or was started without.
struct Limit {
  enum Kind {
    none,
    descriptors,  ///< RLIMIT_NOFILE
    memory,       ///< RLIMIT_AS: so many KiB more than there is
    processes,    ///< RLIMIT_NPROC, as a user without privileges
    closed,       ///< those of 0, 1 and 2 whose bits are set
  };
  Kind kind = none;
  unsigned value = 0;
};

/// "descriptors 7"; "none"
std::string to_string(const Limit& limit);
/// As to_string() gives it. Throws std::out_of_range.
Limit parse_limit(const std::string& text);

/// All that are tried.
std::vector<Limit> limits();

/// For the rest of this process. No other process runs as `user`.
void impose(const Limit& limit, unsigned user);

}  // namespace tornado::torture
