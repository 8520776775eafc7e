// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tornado {

/// Called by Windows, on a thread of its own, with CTRL_C_EVENT, CTRL_BREAK_EVENT or
/// another. False: no loop asked for it, and whoever was there before shall be called.
bool on_console_event(unsigned long event) noexcept;

}  // namespace tornado
