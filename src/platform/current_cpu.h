// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tornado {

/// The processor that runs this thread, perhaps for an instant only; -1 if the system
/// does not tell. No system call, as a rule.
int current_cpu() noexcept;

}  // namespace tornado
