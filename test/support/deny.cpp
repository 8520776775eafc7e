// SPDX-License-Identifier: Apache-2.0
#include "support/deny.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

#include "support/child.h"

namespace tornado::test {
namespace {

using Filter = std::vector<sock_filter>;

constexpr std::uint32_t pidfd_get_info = 0xc040ff0b;  // of <linux/pidfd.h>

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
struct OtherWay {
  int number;
  int other;
};
constexpr std::initializer_list<OtherWay> other_ways = {
#if defined(SYS_fcntl64)
    {SYS_fcntl, SYS_fcntl64},
#endif
#if defined(SYS_ppoll_time64)
    {SYS_ppoll, SYS_ppoll_time64},
    {SYS_pselect6, SYS_pselect6_time64},
    {SYS_recvmmsg, SYS_recvmmsg_time64},
#endif
};
#if defined(SYS_socketcall)
constexpr int number_of_socketcall = SYS_socketcall;
#else
constexpr int number_of_socketcall = -1;
#endif
constexpr OtherWay socket_calls[] = {
    // with the first argument of socketcall
    {SYS_socket, SYS_SOCKET},         {SYS_bind, SYS_BIND},
    {SYS_listen, SYS_LISTEN},         {SYS_getsockname, SYS_GETSOCKNAME},
    {SYS_socketpair, SYS_SOCKETPAIR}, {SYS_setsockopt, SYS_SETSOCKOPT},
    {SYS_recvmmsg, SYS_RECVMMSG},     {SYS_sendmmsg, SYS_SENDMMSG},
};

void append_other_ways(Filter& filter, const Denied& call) {
  for (const auto& [number, other] : other_ways) {
    if (call.number == number) append(filter, {other, call.error, call.when});
  }
  if (number_of_socketcall < 0 || call.when) return;
  for (const auto& [number, first] : socket_calls) {
    if (call.number != number) continue;
    const Denied::Argument same{0, static_cast<std::uint32_t>(first)};
    append(filter, {number_of_socketcall, call.error, same});
  }
}

}  // namespace

bool deny(std::initializer_list<Denied> calls) {
  Filter filter;
  for (const Denied& call : calls) {
    append(filter, call);
    append_other_ways(filter, call);
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool can_deny() {
  return can_deny({SYS_getppid, ENOSYS},
                  [] { return ::syscall(SYS_getppid) == -1 && errno == ENOSYS; });
}

bool can_deny(const Denied& call, const std::function<bool()>& fails) {
  return is_true_in_child([&] { return deny({call}) && fails(); });
}

bool can_deny_limits() {
  return can_deny({SYS_prlimit64, EIO}, [] {
    rlimit limit{};
    return ::prlimit(0, RLIMIT_NOFILE, nullptr, &limit) == -1;
  });
}

bool has_call(int number) {
  const long wrong = -1;
  return ::syscall(number, wrong, wrong, wrong, wrong, wrong, wrong) != -1 ||
         (errno != ENOSYS && errno != EPERM);
}

Denied deny_kept_status(int error) {
  return {SYS_ioctl, error, Denied::Argument{1, pidfd_get_info}};
}

bool keeps_status() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  ::waitpid(pid, nullptr, 0);
  constexpr std::uint64_t exit_bit = 1u << 3;
  std::uint64_t info[8] = {exit_bit};
  const bool told = ::ioctl(pidfd, pidfd_get_info, info) == 0 && (info[0] & exit_bit);
  ::close(pidfd);
  return told;
}

bool can_tell_duplicates() {
  constexpr int f_dupfd_query = 1027;
  return has_call(SYS_kcmp) || ::fcntl(STDIN_FILENO, f_dupfd_query, STDIN_FILENO) == 1;
}

}  // namespace tornado::test
