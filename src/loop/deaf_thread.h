// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <thread>

namespace tornado {

/// A thread to which no signal is delivered: those are for the program's own.
std::thread start_deaf_thread(std::function<void()> body);

}  // namespace tornado
