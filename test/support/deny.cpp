// SPDX-License-Identifier: Apache-2.0
#include "support/deny.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

#include "support/child.h"

namespace tornado::test {
namespace {

using Filter = std::vector<sock_filter>;

void load(Filter& filter, std::size_t offset) {
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset)));
}

void skip_unless_equal(Filter& filter, std::uint32_t value, std::uint8_t count) {
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count));
}

void append(Filter& filter, const Denied& call) {
  load(filter, offsetof(seccomp_data, nr));
  skip_unless_equal(filter, static_cast<std::uint32_t>(call.number), call.when ? 3 : 1);
  if (call.when) {
    load(filter, offsetof(seccomp_data, args) + 8 * call.when->index);
    skip_unless_equal(filter, call.when->value, 1);
  }
  const auto error = static_cast<std::uint32_t>(call.error);
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
}

// What a C library of 32-bit systems calls instead.
#if defined(SYS_fcntl64)
constexpr int number_of_fcntl64 = SYS_fcntl64;
#else
constexpr int number_of_fcntl64 = -1;
#endif
#if defined(SYS_socketcall)
constexpr int number_of_socketcall = SYS_socketcall;
#else
constexpr int number_of_socketcall = -1;
#endif

void append_old_ways(Filter& filter, const Denied& call) {
  if (number_of_fcntl64 >= 0 && call.number == SYS_fcntl) {
    append(filter, {number_of_fcntl64, call.error, call.when});
  }
  if (number_of_socketcall < 0 || call.when) return;
  constexpr std::uint32_t socket = 1;  // of <linux/net.h>
  constexpr std::uint32_t socketpair = 8;
  if (call.number == SYS_socket) {
    append(filter, {number_of_socketcall, call.error, Denied::Argument{0, socket}});
  } else if (call.number == SYS_socketpair) {
    append(filter, {number_of_socketcall, call.error, Denied::Argument{0, socketpair}});
  }
}

}  // namespace

bool deny(std::initializer_list<Denied> calls) {
  Filter filter;
  for (const Denied& call : calls) {
    append(filter, call);
    append_old_ways(filter, call);
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool can_deny() {
  const auto result = run_in_child([] {
    const bool denied = deny({{SYS_getppid, ENOSYS}}) && ::syscall(SYS_getppid) == -1 &&
                        errno == ENOSYS;
    return std::string(denied ? "yes" : "no");
  });
  return result.output == "yes";
}

}  // namespace tornado::test
