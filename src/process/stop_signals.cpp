// SPDX-License-Identifier: Apache-2.0
#include "process/stop_signals.h"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "platform/system_error.h"

namespace tornado {
namespace {

/// Whether the kernel sent it, as it does for Ctrl-C. Async-signal-safe.
bool is_from_kernel(const siginfo_t& info) noexcept {
#ifdef SI_KERNEL  // the pid is 0 also for a process that this one cannot see
  return info.si_code == SI_KERNEL;
#else
  return info.si_pid == 0;
#endif
}

std::atomic<int> pipe_of_handler{invalid_fd};

extern "C" void tornado_on_stop_signal(int signal, siginfo_t* info, void*) {
  ErrnoKeeper keep;
  const unsigned char arrival[2] = {static_cast<unsigned char>(signal),
                                    is_from_kernel(*info)};
  // A full pipe holds signals enough already.
  [[maybe_unused]] const auto written =
      ::write(pipe_of_handler.load(), arrival, sizeof arrival);
}

// What is ignored stays so.
bool install(int signal, const struct sigaction& action, struct sigaction& before) {
  if (::sigaction(signal, nullptr, &before) == -1) return false;
  return before.sa_handler == SIG_IGN || ::sigaction(signal, &action, nullptr) == 0;
}

}  // namespace

StopSignals::StopSignals() : pipe_(make_pipe()) {
  pipe_of_handler = pipe_.second.get();
  struct sigaction action {};
  action.sa_sigaction = &tornado_on_stop_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigfillset(&action.sa_mask);
  for (const int signal : signals) {
    if (!install(signal, action, before_[installed_])) {
      const int error = errno;
      restore();
      errno = error;
      throw_errno("sigaction " + std::to_string(signal));
    }
    ++installed_;
  }
}

StopSignals::~StopSignals() {
  restore();
}

std::optional<StopSignals::Arrival> StopSignals::next() noexcept {
  unsigned char arrival[2];
  const auto size =
      retry_eintr([&] { return ::read(fileno(), arrival, sizeof arrival); });
  if (size != sizeof arrival) return {};
  return Arrival{arrival[0], arrival[1] != 0};
}

void StopSignals::leave() noexcept {
  restore();
  pipe_.first.reset();
}

bool StopSignals::parent_is_gone() const noexcept {
  pollfd reader{pipe_.second.get(), 0, 0};
  return ::poll(&reader, 1, 0) == 1 && (reader.revents & POLLERR) != 0;
}

void StopSignals::restore() noexcept {
  while (installed_ > 0) {
    --installed_;
    ::sigaction(signals[installed_], &before_[installed_], nullptr);
  }
}

}  // namespace tornado
