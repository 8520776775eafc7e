// SPDX-License-Identifier: Apache-2.0
#include "stream/stream_core.h"

namespace tornado {

// A pipe that a loop can wait for is a pair of sockets.
std::shared_ptr<StreamTransport> pipe_transport() {
  return socket_transport();
}

}  // namespace tornado
