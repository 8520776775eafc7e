// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// How a task hears that it was cancelled, and how other threads do.

#include <cstdint>
#include <source_location>
#include <stop_token>

#include "tornado/intrusive_list.h"
#include "tornado/native.h"

namespace tornado {

/// Why a task was cancelled.
enum class CancelReason : std::uint8_t {
  requested,     ///< by TaskGroup::cancel()
  timed_out,     ///< a deadline around the task has passed
  not_needed,    ///< another task of first_of() has ended
  other_failed,  ///< another task of the same group has failed
};

/// Thrown by every await of a cancelled task. No std::exception, so that a handler for
/// those does not swallow it by accident.
struct Cancelled {
  CancelReason reason = CancelReason::requested;
  std::source_location where = {};  ///< of the call that cancelled the task
  [[nodiscard]] const char* what() const noexcept;
};

namespace detail {

/// A token that the scheduler is to stop. The callbacks of a token may destroy tasks.
/// The scheduler therefore calls them when no walk over tasks is under way.
struct StopRequest : ListLink<StopRequest> {
  std::stop_source source{std::nostopstate};
};

}  // namespace detail
}  // namespace tornado
