// SPDX-License-Identifier: Apache-2.0
#include "process/stop_signals.h"

#include <unistd.h>

#include <atomic>

#include "platform/system_error.h"
#include "process/signal_origin.h"

namespace tornado {
namespace {

std::atomic<int> pipe_of_handler{invalid_fd};

extern "C" void tornado_on_stop_signal(int signal, siginfo_t* info, void*) {
  ErrnoKeeper keep;
  const unsigned char arrival[2] = {static_cast<unsigned char>(signal),
                                    is_from_kernel(*info)};
  // A full pipe holds signals enough already.
  [[maybe_unused]] const auto written =
      ::write(pipe_of_handler.load(), arrival, sizeof arrival);
}

}  // namespace

StopSignals::StopSignals() : pipe_(make_pipe()) {
  pipe_of_handler = pipe_.second.get();
  struct sigaction action {};
  action.sa_sigaction = &tornado_on_stop_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigfillset(&action.sa_mask);
  for (std::size_t i = 0; i < signals.size(); ++i) {
    ::sigaction(signals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) ::sigaction(signals[i], &action, nullptr);
  }
  installed_ = true;
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

void StopSignals::restore() noexcept {
  if (!installed_) return;
  installed_ = false;
  for (std::size_t i = 0; i < signals.size(); ++i) {
    ::sigaction(signals[i], &before_[i], nullptr);
  }
}

}  // namespace tornado
