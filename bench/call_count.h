// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Counts system calls by ptrace, exactly, and slowly: in a run of its own. Times are
/// never taken from it.

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>

namespace tornado::bench {

/// The calls of this thread are counted from here to its end of life as a CountedSpan.
/// Otherwise costs two system calls that fail.
class CountedSpan {
 public:
  CountedSpan() noexcept { mark(1); }
  ~CountedSpan() { mark(0); }
  CountedSpan(const CountedSpan&) = delete;
  CountedSpan& operator=(const CountedSpan&) = delete;

 private:
  static void mark(long on) noexcept;
};

/// In the child: stops until trace() takes it on, or goes on if that is forbidden.
void stop_to_be_traced() noexcept;

struct Traced {
  bool forbidden = false;
  int status = 0;  // as of waitpid
  std::map<std::uint64_t, std::uint64_t> calls;
};

/// Follows the child and all its threads to their ends.
Traced trace(::pid_t child);

std::string call_name(std::uint64_t number);

}  // namespace tornado::bench
