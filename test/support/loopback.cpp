// SPDX-License-Identifier: Apache-2.0
#include "support/loopback.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>

namespace tornado::test {

UniqueFd listen_on_loopback() {
  UniqueFd listener = make_socket(AF_INET, SOCK_STREAM);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) ||
      ::listen(listener.get(), 16)) {
    throw std::runtime_error("cannot listen on 127.0.0.1");
  }
  return listener;
}

}  // namespace tornado::test
