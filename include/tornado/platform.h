// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Flags of descriptors that came from elsewhere. The library never needs them for its
/// own, which are born with both; see fd.h.
///
/// Each comes in two forms: one throws std::system_error ("set_close_exec fd 7: Bad
/// file descriptor"), the other sets an error_code and is noexcept. Both results of
/// fcntl are checked. Async-signal-safe in the second form.

#include <system_error>

#include "tornado/native.h"

namespace tornado {

/// Marks `fd` so that exec closes it, or with `on` false so that exec keeps it. The
/// flag belongs to the number: a duplicate has its own. Other flags are kept.
/// Between open() and this call another thread may fork and exec, and the child then
/// has the descriptor: open with O_CLOEXEC where you can.
TORNADO_API void set_close_exec(NativeFd fd, bool on = true);
TORNADO_API void set_close_exec(NativeFd fd, bool on, std::error_code& ec) noexcept;
inline void set_close_exec(NativeFd fd, std::error_code& ec) noexcept {
  set_close_exec(fd, true, ec);
}
[[nodiscard]] TORNADO_API bool is_close_exec(NativeFd fd);
[[nodiscard]] TORNADO_API bool is_close_exec(NativeFd fd, std::error_code& ec) noexcept;

/// Makes reads with nothing to read, and writes into a full buffer, fail with EAGAIN
/// instead of blocking; or with `on` false the contrary.
///
/// The flag belongs to the open file description, which duplicates, forked children
/// and, for an inherited stdin or a terminal, the shell that started this program
/// share: they all find it changed, and it outlives this process. Use
/// NonblockingScope for those. The flag is read back, since F_SETFL ignores in silence
/// what a file does not support.
TORNADO_API void set_nonblocking(NativeFd fd, bool on = true);
TORNADO_API void set_nonblocking(NativeFd fd, bool on, std::error_code& ec) noexcept;
inline void set_nonblocking(NativeFd fd, std::error_code& ec) noexcept {
  set_nonblocking(fd, true, ec);
}
[[nodiscard]] TORNADO_API bool is_nonblocking(NativeFd fd);
[[nodiscard]] TORNADO_API bool is_nonblocking(NativeFd fd,
                                              std::error_code& ec) noexcept;

/// Whether two numbers, of this process, stand for one open file description, and so
/// share O_NONBLOCK and the file offset. Asks the kernel (F_DUPFD_QUERY, Linux 6.10;
/// kcmp before); std::errc::not_supported where it cannot tell.
[[nodiscard]] TORNADO_API bool same_description(NativeFd a, NativeFd b);
[[nodiscard]] TORNADO_API bool same_description(NativeFd a, NativeFd b,
                                                std::error_code& ec) noexcept;

/// Non-blocking for as long as this lives, then as it was found: for descriptors whose
/// description is shared with others, such as an inherited stdin. Not restored when
/// the process is killed or leaves by _exit. `fd` must stay open meanwhile.
class TORNADO_API NonblockingScope {
 public:
  explicit NonblockingScope(NativeFd fd);
  ~NonblockingScope();
  NonblockingScope(const NonblockingScope&) = delete;
  NonblockingScope& operator=(const NonblockingScope&) = delete;

  /// Whether the descriptor was non-blocking already, so that nothing changes.
  [[nodiscard]] bool was_nonblocking() const noexcept { return was_; }

 private:
  NativeFd fd_;
  bool was_;
};

}  // namespace tornado
