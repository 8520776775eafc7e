// SPDX-License-Identifier: Apache-2.0
#include "doctor/probes.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <system_error>

#include "tornado/fd.h"

namespace tornado::cli {
namespace {

// From the kernel's headers, which may be older here than the kernel is.
constexpr long number_close_range = 436;
constexpr long number_epoll_pwait2 = 441;
constexpr long number_io_uring_setup = 425;
constexpr long number_pidfd_open = 434;
constexpr unsigned flag_close_range_unshare = 1u << 1;
constexpr std::uint64_t flag_clone_pidfd = 0x1000;
constexpr int command_dupfd_query = 1024 + 3;
constexpr int kcmp_file = 0;
constexpr int advice_wipe_on_fork = 18;
constexpr int membarrier_query = 0;
constexpr long membarrier_private_expedited = 1 << 3;

// What a probe gives: 0, or the errno of the call that failed.
int error_of(long result) {
  return result < 0 ? errno : 0;
}

int try_epoll_pwait2() {
  struct {
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 1;
  } timeout;
  const UniqueFd set(::epoll_create1(EPOLL_CLOEXEC));
  if (!set) return errno;
  epoll_event event = {};
  return error_of(::syscall(number_epoll_pwait2, set.get(), &event, 1, &timeout,
                            nullptr, std::size_t{8}));
}

int try_close_range() {
  // No descriptor is open up there, and a process with one thread has its table for
  // itself, so that the call changes nothing.
  return error_of(
      ::syscall(number_close_range, UINT_MAX, UINT_MAX, flag_close_range_unshare));
}

int try_pidfd_open() {
  const UniqueFd fd(static_cast<int>(::syscall(number_pidfd_open, ::getpid(), 0)));
  return fd ? 0 : errno;
}

int try_clone_pidfd() {
  int fd = -1;
  const long pid =
      ::syscall(SYS_clone, flag_clone_pidfd | static_cast<std::uint64_t>(SIGCHLD),
                nullptr, &fd, nullptr, nullptr);
  if (pid == 0) ::_exit(0);
  if (pid < 0) return errno;
  const UniqueFd owner(fd);
  while (::waitpid(static_cast<pid_t>(pid), nullptr, 0) < 0 && errno == EINTR) {
  }
  return owner ? 0 : ENOSYS;  // an old kernel ignores the flag
}

int try_io_uring() {
  std::array<std::uint32_t, 30> parameters = {};
  const UniqueFd fd(
      static_cast<int>(::syscall(number_io_uring_setup, 1u, parameters.data())));
  return fd ? 0 : errno;
}

int try_wipe_on_fork() {
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* page =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return errno;
  const int error = error_of(::madvise(page, size, advice_wipe_on_fork));
  ::munmap(page, size);
  return error;
}

int try_dupfd_query() {
  const FdPair pipe = make_pipe();
  return error_of(::fcntl(pipe.first.get(), command_dupfd_query, pipe.first.get()));
}

int try_kcmp() {
  const FdPair pipe = make_pipe();
  const pid_t self = ::getpid();
  return error_of(
      ::syscall(SYS_kcmp, self, self, kcmp_file, pipe.first.get(), pipe.second.get()));
}

int try_membarrier() {
  const long commands = ::syscall(SYS_membarrier, membarrier_query, 0);
  if (commands < 0) return errno;
  return (commands & membarrier_private_expedited) != 0 ? 0 : ENOSYS;
}

struct Probe {
  const char* name;
  int (*attempt)();
  const char* use;
};

constexpr std::array<Probe, 9> probes = {{
    {"epoll_pwait2", try_epoll_pwait2, "epoll sleeps in nanoseconds"},
    {"close_range", try_close_range, "a child closes all at once, in its own table"},
    {"CLONE_PIDFD", try_clone_pidfd, "a child has a descriptor from birth"},
    {"pidfd_open", try_pidfd_open, "the exit of a child wakes a poller"},
    {"F_DUPFD_QUERY", try_dupfd_query, "tells whether two descriptors share flags"},
    {"kcmp", try_kcmp, "the same, on older kernels"},
    {"MADV_WIPEONFORK", try_wipe_on_fork, "a fork is noticed without a system call"},
    {"membarrier", try_membarrier, "one thread pays for the fences of all"},
    {"io_uring", try_io_uring, "a poller whose changes cost no system call"},
}};

long long plain(rlim_t value) {
  return value == RLIM_INFINITY ? -1 : static_cast<long long>(value);
}

void add_resource(std::vector<Limit>& list, int resource, const std::string& name,
                  const std::string& key) {
  rlimit limit = {};
  // The type of the first parameter is an enum of its own in glibc for C++.
  if (::getrlimit(static_cast<decltype(RLIMIT_NOFILE)>(resource), &limit) != 0) return;
  list.push_back({name + ", soft", key + "_soft", plain(limit.rlim_cur), ""});
  list.push_back({name + ", hard", key + "_hard", plain(limit.rlim_max), ""});
}

}  // namespace

std::vector<Feature> kernel_features() {
  std::vector<Feature> features;
  for (const auto& probe : probes) {
    std::string reason;
    try {
      const int error = probe.attempt();
      if (error != 0) reason = std::system_category().message(error);
    } catch (const std::system_error& error) {
      reason = error.what();
    }
    features.push_back({probe.name, reason, probe.use});
  }
  return features;
}

std::vector<Limit> limits() {
  std::vector<Limit> list;
  add_resource(list, RLIMIT_NOFILE, "open files", "open_files");
  add_resource(list, RLIMIT_NPROC, "processes", "processes");
  list.push_back(
      {"FD_SETSIZE", "fd_setsize", FD_SETSIZE, "select takes descriptors below this"});
  try {
    const int size = ::fcntl(make_pipe().first.get(), F_GETPIPE_SZ);
    if (size > 0) {
      list.push_back({"pipe capacity", "pipe_capacity_bytes", size, "bytes"});
    }
  } catch (const std::system_error&) {
    // No descriptor to spare: the table of pollers says so.
  }
  return list;
}

}  // namespace tornado::cli
