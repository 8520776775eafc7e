// SPDX-License-Identifier: Apache-2.0
#include "stream/stream_core.h"

namespace tornado {

const StreamTransport socket_transport = {&receive_bytes, &send_pieces};
// A pipe that a loop can wait for is a pair of sockets.
const StreamTransport pipe_transport = socket_transport;

}  // namespace tornado
