// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Who opened which descriptor: the tables of the processes that are followed.

#include <sys/types.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "fds/call_site.h"

namespace tornado::cli {

/// How a descriptor came into a process.
struct Origin {
  enum class Kind { opened, inherited_from_caller };
  Kind kind = Kind::opened;
  std::string call = {};  ///< "openat"
  pid_t pid = 0;
  std::string program = {};  ///< that this process executed then
  bool before_exec = false;  ///< in a forked process that had not executed yet
  int fd = -1;               ///< its number there
  CallSite site = {};        ///< empty for descriptors that were born marked
  std::shared_ptr<const Origin> copied_from = {};  ///< of dup and its like
};
using OriginPtr = std::shared_ptr<const Origin>;

/// The descriptors of a process as far as they were seen being made.
class DescriptorTable {
 public:
  struct Entry {
    OriginPtr origin = {};
    OriginPtr unmarked = {};  ///< the call that cleared close-on-exec, if any
    bool marked = false;
    bool closing = false;  ///< a close has begun
  };

  void set(int fd, OriginPtr origin, bool marked) {
    entries_[fd] = {std::move(origin), {}, marked, false};
  }
  /// Where nothing is known to be open.
  void set_if_free(int fd, const OriginPtr& origin, bool marked);
  void set_unmarked(int fd, OriginPtr by);
  void set_marked(int fd);
  /// Somebody begins to close these. `shared`: another thread may fork before that is
  /// done, and its child then has them still.
  void close_range(unsigned first, unsigned last, bool shared);
  void close(unsigned fd, bool shared) { close_range(fd, fd, shared); }
  /// All others are closed for certain.
  void keep_only(const std::set<int>& open);

  [[nodiscard]] Entry get(int fd) const;

 private:
  std::map<int, Entry> entries_ = {};
};

}  // namespace tornado::cli
