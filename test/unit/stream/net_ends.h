// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <system_error>

#include "net/socket_calls.h"
#include "net/sockets.h"
#include "tornado/netutil.h"
#include "tornado/platform.h"

namespace tornado::test {

/// Connects as far as it does without a wait.
inline UniqueFd connect_to(const SocketAddress& address) {
  UniqueFd socket =
      make_socket(static_cast<const sockaddr*>(address.data())->sa_family, SOCK_STREAM);
  const std::error_code error = begin_connect(socket.get(), address);
  if (error && error != std::errc::operation_in_progress) {
    throw std::system_error(error, "connect");
  }
  return socket;
}

template <class F>
std::error_code error_of(F act) {
  try {
    (void)act();
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

}  // namespace tornado::test
