// SPDX-License-Identifier: Apache-2.0
// old_kernel ERROR CALL COMMAND...: executes a command for which newer system calls
// fail, as an old kernel (ENOSYS) or a container's filter (EPERM) makes them. CALL is
// one, or "all".

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "support/deny.h"

namespace tornado::test {
namespace {

#if !defined(MADV_WIPEONFORK)
#define MADV_WIPEONFORK 18
#endif

constexpr int p_pidfd = 3;
constexpr int f_dupfd_query = 1027;
constexpr int udp_segment = 103;
constexpr int udp_gro = 104;

struct NewerCall {
  std::string name;
  Denied denied;
};

// A flag or an option fails as on an older kernel, whatever `error` is.
std::vector<NewerCall> newer_calls(int error) {
  return {
      {"close_range", {SYS_close_range, error}},
      {"epoll_pwait2", {SYS_epoll_pwait2, error}},
      {"io_uring_setup", {SYS_io_uring_setup, error}},
      {"kcmp", {SYS_kcmp, error}},
      {"membarrier", {SYS_membarrier, error}},
      {"pidfd_open", {SYS_pidfd_open, error}},
      {"pidfd_send_signal", {SYS_pidfd_send_signal, error}},
      {"recvmmsg", {SYS_recvmmsg, error}},
      {"sendmmsg", {SYS_sendmmsg, error}},
      {"waitid-P_PIDFD", {SYS_waitid, EINVAL, Denied::Argument{0, p_pidfd}}},
      {"fcntl-F_DUPFD_QUERY", {SYS_fcntl, EINVAL, Denied::Argument{1, f_dupfd_query}}},
      {"ioctl-PIDFD_GET_INFO", deny_kept_status(ENOTTY)},
      {"getsockopt-UDP_SEGMENT",
       {SYS_getsockopt, ENOPROTOOPT, Denied::Argument{2, udp_segment}}},
      {"setsockopt-UDP_GRO",
       {SYS_setsockopt, ENOPROTOOPT, Denied::Argument{2, udp_gro}}},
      {"madvise-MADV_WIPEONFORK",
       {SYS_madvise, EINVAL, Denied::Argument{2, MADV_WIPEONFORK}}},
  };
}

int usage(const std::string& what) {
  std::cerr << "old_kernel: " << what << "\n"
            << "usage: old_kernel ENOSYS|EPERM all|CALL COMMAND [ARGUMENT...]\ncalls:";
  for (const NewerCall& call : newer_calls(ENOSYS)) std::cerr << " " << call.name;
  std::cerr << "\n";
  return 2;
}

int run(int argc, char** argv) {
  if (argc < 4) return usage("an error, a call and a command are needed");
  const std::string error = argv[1];
  const std::string which = argv[2];
  if (error != "ENOSYS" && error != "EPERM") return usage("no such error: " + error);
  bool known = false;
  for (const NewerCall& call : newer_calls(error == "EPERM" ? EPERM : ENOSYS)) {
    if (which != "all" && which != call.name) continue;
    known = true;
    if (!deny({call.denied})) {
      std::cerr << "old_kernel: no filters here: " << std::strerror(errno) << "\n";
      return 77;
    }
  }
  if (!known) return usage("no such call: " + which);
  ::execvp(argv[3], argv + 3);
  std::cerr << "old_kernel: " << argv[3] << ": " << std::strerror(errno) << "\n";
  return 127;
}

}  // namespace
}  // namespace tornado::test

int main(int argc, char** argv) {
  return tornado::test::run(argc, argv);
}
