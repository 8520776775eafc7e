// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

namespace tornado::test {

std::uint16_t port_of(Program& server) {
  const std::string line = server.line();
  const std::string before = "listening on 127.0.0.1:";
  if (!line.starts_with(before)) {
    ADD_FAILURE() << line;
    return 0;
  }
  return static_cast<std::uint16_t>(std::stoul(line.substr(before.size())));
}

UniqueFd connect_to(std::uint16_t port) {
  UniqueFd client = make_socket(AF_INET, SOCK_STREAM);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int result =
      ::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  EXPECT_TRUE(result == 0 || errno == EINPROGRESS);
  return client;
}

}  // namespace tornado::test
