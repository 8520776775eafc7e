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

/// The calls of a thread, of the caller's unless told, are counted for as long as this
/// lives. Where no trace() follows, costs two system calls that fail.
class CountedSpan {
 public:
  explicit CountedSpan(::pid_t thread = 0) noexcept : thread_(thread) { mark(1); }
  ~CountedSpan() { mark(0); }
  CountedSpan(const CountedSpan&) = delete;
  CountedSpan& operator=(const CountedSpan&) = delete;

 private:
  void mark(long on) const noexcept;

  const ::pid_t thread_;
};

/// In the child: stops until trace() takes it on, or goes on if that is forbidden.
void stop_to_be_traced() noexcept;

struct Traced {
  bool forbidden = false;
  int status = 0;  // as of waitpid
  std::map<std::uint64_t, std::uint64_t> calls;
};

/// Follows the child, its threads and its children to their ends.
Traced trace(::pid_t child);

std::string call_name(std::uint64_t number);

}  // namespace tornado::bench
