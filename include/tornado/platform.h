// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Flags of descriptors that other code has opened. The calls in tornado/fd.h set both
/// flags themselves.
///
/// Each call has two forms. The first throws std::system_error, such as "set_close_exec
/// fd 7: Bad file descriptor". The second sets an error_code, and is async-signal-safe.
/// Both are thread-safe.

#include <system_error>

#include "tornado/native.h"

namespace tornado {

/// Lets exec close `fd`, or keep it if `on` is false. Each number has its own flag,
/// also a duplicate. Another thread may fork and exec between open() and this call, and
/// the child then has the descriptor. Open with O_CLOEXEC where you can.
TORNADO_API void set_close_exec(NativeFd fd, bool on = true);
TORNADO_API void set_close_exec(NativeFd fd, bool on, std::error_code& ec) noexcept;
inline void set_close_exec(NativeFd fd, std::error_code& ec) noexcept {
  set_close_exec(fd, true, ec);
}
[[nodiscard]] TORNADO_API bool is_close_exec(NativeFd fd);
[[nodiscard]] TORNADO_API bool is_close_exec(NativeFd fd, std::error_code& ec) noexcept;

/// Lets reads and writes fail with EAGAIN instead of blocking. With `on` false they
/// block again.
///
/// The flag belongs to the open file description. Duplicates and forked children share
/// it. For an inherited stdin or a terminal, the shell shares it too, and the change
/// outlives this process: use NonblockingScope there. Throws std::errc::not_supported
/// for a file that ignores the flag.
TORNADO_API void set_nonblocking(NativeFd fd, bool on = true);
TORNADO_API void set_nonblocking(NativeFd fd, bool on, std::error_code& ec) noexcept;
inline void set_nonblocking(NativeFd fd, std::error_code& ec) noexcept {
  set_nonblocking(fd, true, ec);
}
[[nodiscard]] TORNADO_API bool is_nonblocking(NativeFd fd);
[[nodiscard]] TORNADO_API bool is_nonblocking(NativeFd fd,
                                              std::error_code& ec) noexcept;

/// Whether two descriptors of this process have one open file description, and so share
/// O_NONBLOCK and the file offset. Linux 6.10 answers by F_DUPFD_QUERY, and earlier
/// kernels by kcmp(2). Error: std::errc::not_supported if the kernel cannot tell.
[[nodiscard]] TORNADO_API bool same_description(NativeFd a, NativeFd b);
[[nodiscard]] TORNADO_API bool same_description(NativeFd a, NativeFd b,
                                                std::error_code& ec) noexcept;

/// Makes a descriptor non-blocking, and restores the flag when it is destroyed. For
/// descriptors that other programs share, such as an inherited stdin. `fd` must stay
/// open until then. The flag is not restored if the process is killed or calls _exit.
class TORNADO_API NonblockingScope {
 public:
  explicit NonblockingScope(NativeFd fd);
  ~NonblockingScope();
  NonblockingScope(const NonblockingScope&) = delete;
  NonblockingScope& operator=(const NonblockingScope&) = delete;

  /// Whether the descriptor was non-blocking before.
  [[nodiscard]] bool was_nonblocking() const noexcept { return was_; }

 private:
  NativeFd fd_;
  bool was_;
};

}  // namespace tornado
