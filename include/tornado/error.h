// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The library's own error codes. All other errors are the system's errno values in
/// std::system_category(), and compare with std::errc.

#include <exception>
#include <system_error>

#include "tornado/native.h"

namespace tornado {

enum class Errc {
  loop_closed = 1,  ///< the IOLoop was closed
  loop_running,  ///< start() or close() while the loop runs, or a loop exists already
  loop_forked,   ///< this IOLoop belongs to the parent process; see after_fork()
  loop_stopped,  ///< stop() ended run_sync() before there was a result
  wrong_thread,  ///< the call is for the thread that runs the loop
  timed_out,     ///< no result came in time
  abandoned,     ///< the source of a result was destroyed without one
  status_taken,  ///< another part of the program reaped this child
  no_poller,     ///< the poller is not compiled in, or does not work here
  no_waker,      ///< the waker is not compiled in, or does not work here
  too_many_restarts,   ///< fork_processes() gave up
  process_ended,       ///< the process has ended and waits to be reaped: it has no
                       ///< descriptors
  kernel_thread,       ///< the process is a thread of the kernel, without descriptors
  executor_closed,     ///< the executor was closed before it began the job
  queue_empty,         ///< Queue::get_nowait() found no item
  queue_full,          ///< Queue::put_nowait() found no room
  channel_closed,      ///< a Channel takes no more items
  unsatisfiable_read,  ///< a read of a stream could not end within its max_bytes
  buffer_full,         ///< a read needs more than StreamOptions::max_buffer_size
};

/// The category "tornado". Errc::timed_out also equals std::errc::timed_out.
TORNADO_API const std::error_category& error_category() noexcept;

namespace detail {
/// The first statement of a catch (...) that does not throw again. pthread_exit() and
/// the cancellation of a thread unwind the stack, and must not be caught.
inline void pass_end_of_thread() {
  if (!std::current_exception()) throw;
}
}  // namespace detail

inline std::error_code make_error_code(Errc e) noexcept {
  return {static_cast<int>(e), error_category()};
}

}  // namespace tornado

template <>
struct std::is_error_code_enum<tornado::Errc> : std::true_type {};
