// SPDX-License-Identifier: Apache-2.0
#include "fds/trace_command.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "fds/caller.h"
#include "fds/trace_calls.h"

namespace tornado::cli {
namespace {

constexpr long trace_options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD |
                               PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                               PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                               PTRACE_O_TRACESECCOMP;

std::system_error failure(const std::string& act) {
  return {errno, std::system_category(), act};
}

void tell(int channel, int number) {
  while (::send(channel, &number, sizeof number, MSG_NOSIGNAL) == -1 &&
         errno == EINTR) {
  }
}

// Nothing if the other side has gone.
std::optional<int> hear(int channel, int flags = 0) {
  int number = 0;
  ssize_t n;
  do {
    n = ::recv(channel, &number, sizeof number, flags);
  } while (n == -1 && errno == EINTR);
  return n == sizeof number ? std::optional(number) : std::nullopt;
}

// 0 or errno. A filter asks for a privilege, or for the promise never to get one.
int install_filter() {
  auto program = trace_filter();
  const sock_fprog filter = {static_cast<unsigned short>(program.size()),
                             program.data()};
  // The filter protects nothing, so the processor need not be slowed down for it.
  for (const unsigned long flags : {SECCOMP_FILTER_FLAG_SPEC_ALLOW, 0ul}) {
    const auto install = [&] {
      return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter) == 0;
    };
    if (install()) return 0;
    if (errno != EACCES) continue;
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && install()) return 0;
  }
  return errno;
}

}  // namespace

PendingSignals::PendingSignals() : waited_for_(), mask_before_(), child_before_() {
  ::sigemptyset(&waited_for_);
  for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP}) {
    struct sigaction action = {};
    ::sigaction(signal, nullptr, &action);
    if (action.sa_handler != SIG_IGN) ::sigaddset(&waited_for_, signal);
  }
  ::sigaddset(&waited_for_, SIGCHLD);
  struct sigaction plain = {};
  plain.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &plain, &child_before_);
  ::sigprocmask(SIG_BLOCK, &waited_for_, &mask_before_);
}

void PendingSignals::restore() const {
  ::sigaction(SIGCHLD, &child_before_, nullptr);
  ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

TracedCommand::TracedCommand(const std::vector<std::string>& words,
                             const PendingSignals& signals, TraceMode mode)
    : mode_(mode) {
  std::array<int, 2> ends = {};
  // Blocking, unlike what the library makes: both sides wait for each other.
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == -1) {
    throw failure("socketpair");
  }
  channel_.reset(ends[0]);
  UniqueFd theirs(ends[1]);
  std::vector<char*> pointers;
  for (const auto& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == -1) throw failure("fork");
  if (pid_ == 0) {
    channel_.reset();
    be_the_command(pointers.data(), signals, theirs.get());
  }
  theirs.reset();
  seize();
}

void TracedCommand::be_the_command(char* const* words, const PendingSignals& signals,
                                   int channel) const {
  tell(channel, 0);
  if (hear(channel)) {
    tell(channel, mode_.every_call ? ECANCELED : install_filter());
    if (hear(channel)) {
      if (mode_.err_into_out) ::dup2(STDOUT_FILENO, STDERR_FILENO);
      std::signal(SIGPIPE, caller_sigpipe);
      signals.restore();
      ::execvp(words[0], words);
      tell(channel, errno);
    }
  }
  ::_exit(127);
}

void TracedCommand::seize() {
  // What fork() itself still does there, handlers and all, is not to be followed.
  hear(channel_.get());
  process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!process_ || ::ptrace(PTRACE_SEIZE, pid_, 0, trace_options) == -1) {
    const int error = errno;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, __WALL);
    errno = error;
    throw failure((process_ ? "ptrace seize process " : "pidfd_open ") +
                  std::to_string(pid_));
  }
  tell(channel_.get(), 0);
  filtered_ = hear(channel_.get()) == 0;
  if (!filtered_) stop_at_each_call();
}

void TracedCommand::stop_at_each_call() const {
  int status = 0;
  if (::ptrace(PTRACE_INTERRUPT, pid_, 0, 0) == -1) throw failure("ptrace interrupt");
  while (::waitpid(pid_, &status, __WALL) == -1) {
    if (errno != EINTR) throw failure("waitpid");
  }
  if (::ptrace(PTRACE_SYSCALL, pid_, 0, 0) == -1) throw failure("ptrace syscall");
}

void TracedCommand::release() {
  tell(channel_.get(), 0);
}

std::optional<int> TracedCommand::exec_error() const {
  return hear(channel_.get(), MSG_DONTWAIT);
}

void TracedCommand::send(int signal) const {
  ::syscall(SYS_pidfd_send_signal, process_.get(), signal, nullptr, 0);
}

}  // namespace tornado::cli
