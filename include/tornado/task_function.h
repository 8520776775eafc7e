// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Concepts for coroutine functions, which need no definition of Task.

#include <concepts>
#include <type_traits>
#include <utility>

#include "tornado/callback.h"

namespace tornado {

class Executor;
namespace detail {
class TaskScheduler;
/// A callback that starts a task of `function`, but not while the task before runs.
template <class F>
Callback without_overlap(F function);
}  // namespace detail

/// A function that returns a Task<void>: see tornado/task.h.
template <class F, class... Args>
concept TaskFunction = std::same_as < typename std::invoke_result < std::decay_t<F>
&, std::decay_t<Args>... > ::type, Task < void >> ;
/// A function that returns a task of any type.
template <class F>
concept AnyTaskFunction =
    std::invocable<F&> && detail::is_task<std::invoke_result_t<F&>>;

}  // namespace tornado
