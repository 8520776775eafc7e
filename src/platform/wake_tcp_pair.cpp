// SPDX-License-Identifier: Apache-2.0
#include "platform/tcp_pair.h"
#include "platform/wake_mechanism.h"
#include "platform/wake_stream.h"

namespace tornado {

const WakeMechanism wake_by_tcp_pair = {WakerKind::tcp_pair, "tcp_pair", &open_tcp_pair,
                                        &signal_socket, &drain_stream};

}  // namespace tornado
