// SPDX-License-Identifier: Apache-2.0
#include "fds/trace_calls.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstddef>

namespace tornado::cli {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t native = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t native = AUDIT_ARCH_AARCH64;
#else
#error "add the architecture here and in trace_machine.cpp"
#endif

constexpr int never = TracedCall::never;
constexpr int always = TracedCall::always;

// EPOLL_CLOEXEC, SOCK_CLOEXEC and their like all have the value of O_CLOEXEC.
constexpr std::uint64_t flag = O_CLOEXEC;
constexpr std::uint64_t first_bit = 1;  // memfd_create, fanotify_init, fsopen, ...

constexpr std::array calls = {
    TracedCall{SYS_openat, "openat", Effect::makes, 2, flag},
    TracedCall{SYS_openat2, "openat2", Effect::makes, TracedCall::in_memory, flag},
    TracedCall{SYS_open_by_handle_at, "open_by_handle_at", Effect::makes, 2, flag},
    TracedCall{SYS_socket, "socket", Effect::makes, 1, flag},
    TracedCall{SYS_socketpair, "socketpair", Effect::makes_two, 1, flag, 3},
    TracedCall{SYS_accept, "accept", Effect::makes, never},
    TracedCall{SYS_accept4, "accept4", Effect::makes, 3, flag},
    TracedCall{SYS_pipe2, "pipe2", Effect::makes_two, 1, flag, 0},
    TracedCall{SYS_dup, "dup", Effect::copies, never},
    TracedCall{SYS_dup3, "dup3", Effect::copies, 2, flag},
    TracedCall{SYS_fcntl, "fcntl", Effect::controls, never},
    TracedCall{SYS_ioctl, "ioctl", Effect::controls_device, never},
    TracedCall{SYS_eventfd2, "eventfd2", Effect::makes, 1, flag},
    TracedCall{SYS_epoll_create1, "epoll_create1", Effect::makes, 0, flag},
    TracedCall{SYS_timerfd_create, "timerfd_create", Effect::makes, 1, flag},
    TracedCall{SYS_signalfd4, "signalfd4", Effect::makes, 3, flag},
    TracedCall{SYS_inotify_init1, "inotify_init1", Effect::makes, 0, flag},
    TracedCall{SYS_fanotify_init, "fanotify_init", Effect::makes, 0, first_bit},
    TracedCall{SYS_memfd_create, "memfd_create", Effect::makes, 1, first_bit},
    TracedCall{SYS_userfaultfd, "userfaultfd", Effect::makes, 0, flag},
    TracedCall{SYS_perf_event_open, "perf_event_open", Effect::makes, 4, 8},
    TracedCall{SYS_bpf, "bpf", Effect::makes, always},
    TracedCall{SYS_mq_open, "mq_open", Effect::makes, always},
    TracedCall{SYS_pidfd_open, "pidfd_open", Effect::makes, always},
    TracedCall{SYS_pidfd_getfd, "pidfd_getfd", Effect::makes, always},
    TracedCall{SYS_io_uring_setup, "io_uring_setup", Effect::makes, always},
    TracedCall{SYS_open_tree, "open_tree", Effect::makes, 2, flag},
    TracedCall{SYS_fsopen, "fsopen", Effect::makes, 1, first_bit},
    TracedCall{SYS_fsmount, "fsmount", Effect::makes, 1, first_bit},
    TracedCall{SYS_fspick, "fspick", Effect::makes, 2, first_bit},
    TracedCall{SYS_recvmsg, "recvmsg", Effect::receives, 2, MSG_CMSG_CLOEXEC},
    TracedCall{SYS_close, "close", Effect::closes, never},
    TracedCall{SYS_close_range, "close_range", Effect::closes_range, never},
    TracedCall{SYS_clone, "clone", Effect::starts, always},
    TracedCall{SYS_clone3, "clone3", Effect::starts_by_struct, always},
    TracedCall{SYS_unshare, "unshare", Effect::unshares, never},
    TracedCall{SYS_mmap, "mmap", Effect::maps_code, never},
    TracedCall{SYS_prctl, "prctl", Effect::restricts, never},
    TracedCall{SYS_seccomp, "seccomp", Effect::restricts, never},
// Newer machines were born without these.
#if defined(SYS_open)
    TracedCall{SYS_fork, "fork", Effect::forks, always},
    TracedCall{SYS_vfork, "vfork", Effect::forks, always},
    TracedCall{SYS_open, "open", Effect::makes, 1, flag},
    TracedCall{SYS_creat, "creat", Effect::makes, never},
    TracedCall{SYS_pipe, "pipe", Effect::makes_two, never, 0, 0},
    TracedCall{SYS_dup2, "dup2", Effect::copies, never},
    TracedCall{SYS_eventfd, "eventfd", Effect::makes, never},
    TracedCall{SYS_epoll_create, "epoll_create", Effect::makes, never},
    TracedCall{SYS_signalfd, "signalfd", Effect::makes, never},
    TracedCall{SYS_inotify_init, "inotify_init", Effect::makes, never},
#endif
};

constexpr std::uint16_t load = BPF_LD | BPF_W | BPF_ABS;
constexpr std::uint16_t if_equal = BPF_JMP | BPF_JEQ | BPF_K;
constexpr std::uint16_t if_bits = BPF_JMP | BPF_JSET | BPF_K;

sock_filter step(std::uint16_t code, std::uint64_t k) {
  return BPF_STMT(code, static_cast<std::uint32_t>(k));
}

sock_filter branch(std::uint16_t code, std::uint64_t k, std::uint8_t yes,
                   std::uint8_t no) {
  return BPF_JUMP(code, static_cast<std::uint32_t>(k), yes, no);
}

sock_filter trace() {
  return step(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
}

sock_filter allow() {
  return step(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

// The lower half: machines with the other byte order are not in the list above.
std::uint64_t argument(unsigned index) {
  return offsetof(seccomp_data, args) + std::size_t{8} * index;
}

using Program = std::vector<sock_filter>;

// What is to be asked about the arguments, for the calls that are too frequent to stop
// at each. Ends in a return. Empty: always stop.
Program condition(const TracedCall& call) {
  switch (call.effect) {
    case Effect::controls:
      return {step(load, argument(1)),
              branch(if_equal, F_DUPFD, 3, 0),
              branch(if_equal, F_DUPFD_CLOEXEC, 2, 0),
              branch(if_equal, F_SETFD, 1, 0),
              allow(),
              trace()};
    case Effect::controls_device:
      return {step(load, argument(1)), branch(if_equal, FIOCLEX, 2, 0),
              branch(if_equal, FIONCLEX, 1, 0), allow(), trace()};
    case Effect::receives:
      return {step(load, argument(2)), branch(if_bits, MSG_CMSG_CLOEXEC, 0, 1), allow(),
              trace()};
    case Effect::unshares:
      return {step(load, argument(0)), branch(if_bits, CLONE_FILES, 1, 0), allow(),
              trace()};
    case Effect::maps_code:
      return {step(load, argument(2)),
              branch(if_bits, PROT_EXEC, 0, 2),
              step(load, argument(3)),
              branch(if_bits, MAP_ANONYMOUS, 0, 1),
              allow(),
              trace()};
    case Effect::restricts:
      return call.number == SYS_prctl
                 ? Program{step(load, argument(0)),
                           branch(if_equal, PR_SET_SECCOMP, 1, 0), allow(), trace()}
                 : Program{trace()};
    default:
      return {trace()};
  }
}

}  // namespace

bool TracedCall::marks(const Arguments& arguments) const {
  if (mark_argument < 0) return mark_argument == always;
  return (arguments[static_cast<std::size_t>(mark_argument)] & mark) != 0;
}

bool asks_for_strict_mode(const TracedCall& call, const Arguments& arguments) {
  return call.number == SYS_prctl
             ? arguments[0] == PR_SET_SECCOMP && arguments[1] == SECCOMP_MODE_STRICT
             : arguments[0] == SECCOMP_SET_MODE_STRICT;
}

const TracedCall* traced_call(std::uint64_t number) {
  const auto found = std::find_if(calls.begin(), calls.end(), [&](const auto& call) {
    return static_cast<std::uint64_t>(call.number) == number;
  });
  return found == calls.end() ? nullptr : &*found;
}

std::uint32_t native_architecture() {
  return native;
}

std::vector<sock_filter> trace_filter() {
  Program program = {step(load, offsetof(seccomp_data, arch)),
                     branch(if_equal, native, 1, 0), allow(),
                     step(load, offsetof(seccomp_data, nr))};
  for (const auto& call : calls) {
    const Program then = condition(call);
    program.push_back(branch(if_equal, static_cast<std::uint64_t>(call.number), 0,
                             static_cast<std::uint8_t>(then.size())));
    program.insert(program.end(), then.begin(), then.end());
  }
  program.push_back(allow());
  return program;
}

}  // namespace tornado::cli
