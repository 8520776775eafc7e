// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tornado/tornado.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

/// Accepts clients on 127.0.0.1 and calls a function for each line that they send.
/// Belongs to the thread of its loop.
class LineServer {
 public:
  using Client = std::uint64_t;  // never used twice, unlike a descriptor
  using OnLine = std::function<void(Client, const std::string&)>;

  LineServer(tornado::IOLoop& loop, OnLine on_line);
  LineServer(const LineServer&) = delete;
  LineServer& operator=(const LineServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// Does nothing if the client has left.
  void send(Client client, const std::string& line);
  void stop_accepting();

 private:
  struct Connection {
    tornado::UniqueFd socket;
    tornado::Registration serving;  // destroyed before the socket
    std::string received;
    std::string unsent;
  };

  void accept_some();
  void add(tornado::UniqueFd socket);
  void serve(Client client);
  bool receive(Client client);
  static bool flush(Connection& connection);

  tornado::IOLoop& loop_;
  OnLine on_line_;
  tornado::UniqueFd listener_;
  tornado::Registration accepting_;
  std::map<Client, Connection> connections_;
  Client last_client_ = 0;
};
