// SPDX-License-Identifier: Apache-2.0
#include "platform/wake_mechanism.h"
#include "platform/wake_stream.h"

namespace tornado {

const WakeMechanism wake_by_socketpair = {WakerKind::socketpair, "socketpair",
                                          &make_socket_pair, &signal_socket,
                                          &drain_stream};

}  // namespace tornado
