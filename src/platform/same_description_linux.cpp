// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/system_error.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

constexpr int f_dupfd_query = 1024 + 3;  // <linux/fcntl.h> of 6.10 and later

}  // namespace

bool same_description(NativeFd a, NativeFd b, std::error_code& ec) noexcept {
  ec.clear();
  // Before anything else, since kernels without F_DUPFD_QUERY answer EINVAL to any `b`.
  if (::fcntl(a, F_GETFD) == -1 || ::fcntl(b, F_GETFD) == -1) {
    ec = last_error();
    return false;
  }
  if (const int same = ::fcntl(a, f_dupfd_query, b); same != -1) return same == 1;
  const pid_t self = ::getpid();
  const long order = ::syscall(SYS_kcmp, self, self, KCMP_FILE, a, b);
  if (order == -1) ec = std::make_error_code(std::errc::not_supported);
  return order == 0;
}

}  // namespace tornado
