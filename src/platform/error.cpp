// SPDX-License-Identifier: Apache-2.0
#include "tornado/error.h"

#include <string>

namespace tornado {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "tornado"; }

  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::loop_closed:
        return "the IOLoop is closed";
      case Errc::loop_running:
        return "an IOLoop is already running or open";
      case Errc::loop_forked:
        return "the IOLoop belongs to the parent process; call after_fork() first";
      case Errc::loop_stopped:
        return "the IOLoop was stopped";
      case Errc::wrong_thread:
        return "another thread runs this IOLoop";
      case Errc::timed_out:
        return "timed out";
      case Errc::abandoned:
        return "the result was abandoned";
      case Errc::status_taken:
        return "another part of the program has reaped the child";
      case Errc::no_poller:
        return "no such poller here";
      case Errc::no_waker:
        return "no such waker here";
      case Errc::too_many_restarts:
        return "too many restarts of workers";
      case Errc::process_ended:
        return "the process has ended and waits to be reaped";
      case Errc::kernel_thread:
        return "the process is a kernel thread, which has no descriptors";
      case Errc::executor_closed:
        return "the executor is closed";
      case Errc::queue_empty:
        return "the queue is empty";
      case Errc::queue_full:
        return "the queue is full";
      case Errc::channel_closed:
        return "the channel is closed";
      case Errc::unsatisfiable_read:
        return "the read could not end within max_bytes";
      case Errc::buffer_full:
        return "the read needs more than max_buffer_size";
    }
    return "unknown error " + std::to_string(value);
  }

  std::error_condition default_error_condition(int value) const noexcept override {
    if (static_cast<Errc>(value) == Errc::timed_out) {
      return std::make_error_condition(std::errc::timed_out);
    }
    return {value, *this};
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

}  // namespace tornado
