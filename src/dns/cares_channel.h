// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ares.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "tornado/address.h"
#include "tornado/callback.h"
#include "tornado/fd.h"
#include "tornado/ioloop.h"
#include "tornado/registration.h"

namespace tornado::detail {

/// A channel of c-ares, whose sockets and timer are of a loop. It reads resolv.conf
/// when it is made.
class CaresChannel {
 public:
  using Addresses = std::vector<SocketAddress>;
  /// `status` is one of ARES_.
  using Answer = UniqueFunction<void(int status, Addresses found)>;

  /// `lookups` as of ares_init_options(): "f" for the file hosts, "b" for name servers.
  CaresChannel(IOLoop& loop, const char* lookups,
               const std::vector<SocketAddress>& servers);
  ~CaresChannel();
  CaresChannel(const CaresChannel&) = delete;
  CaresChannel& operator=(const CaresChannel&) = delete;

  /// Calls `answer` once: in ask() itself, later on the loop, or in the destructor. It
  /// may not destroy the channel.
  void ask(const std::string& host, std::uint16_t port, AddressFamily family,
           Answer answer);
  /// False in a child that was forked since.
  [[nodiscard]] bool is_ours() const noexcept { return maker_ == ::getpid(); }

 private:
  struct Socket {
    UniqueFd fd;
    Registration registration;  // once c-ares waits for the socket
  };
  struct Question;

  // What c-ares calls.
  static ares_socket_t open(int domain, int type, int protocol, void* self) noexcept;
  static int close(ares_socket_t socket, void* self) noexcept;
  static void on_wants(void* self, ares_socket_t socket, int readable,
                       int writable) noexcept;
  static void on_answer(void* question, int status, int timeouts,
                        ares_addrinfo* found) noexcept;

  void process(ares_socket_t readable, ares_socket_t writable) noexcept;
  void wait(Socket& socket, Events events);
  void set_timer() noexcept;

  IOLoop& loop_;
  std::map<ares_socket_t, Socket> sockets_;
  Timeout timer_;
  ares_channel channel_ = nullptr;
  bool failed_ = false;  // the loop could not wait for a socket
  const pid_t maker_ = ::getpid();
};

/// As getaddrinfo would tell it.
std::error_code cares_error(int status) noexcept;

}  // namespace tornado::detail
