// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "loop/mailbox.h"

namespace tornado {

/// Tells `mailbox` of each arrival of `signal`, from now on. The first to watch a
/// signal installs the handler; throws std::system_error if it may not.
void watch_signal(int signal, std::shared_ptr<Mailbox> mailbox);

/// No more. The last to watch puts the sigaction back that the first found, unless
/// somebody has replaced the handler meanwhile.
void unwatch_signal(int signal, const Mailbox& mailbox);

}  // namespace tornado
