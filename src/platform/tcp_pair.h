// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/fd.h"

namespace tornado {

/// Two TCP sockets of this process, connected over the loopback with each other and
/// with nobody else. Without Nagle's delay.
FdPair open_tcp_pair();

}  // namespace tornado
