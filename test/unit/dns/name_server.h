// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tornado/fd.h"
#include "tornado/ioloop.h"
#include "tornado/locks.h"
#include "tornado/task_group.h"
#include "tornado/tcp_server.h"
#include "tornado/udp.h"

namespace tornado::test {

/// A name server on 127.0.0.1 and on the loop of the test. It knows what it was told,
/// and says of all other names that they do not exist.
class NameServer {
 public:
  enum class Way {
    answer,
    silence,
    failure,   ///< SERVFAIL
    cut,       ///< by UDP it says that TCP has the whole
    on_signal  ///< answers once go() is called
  };
  enum : std::uint16_t { ipv4 = 1, ipv6 = 28 };

  explicit NameServer(IOLoop& loop);

  [[nodiscard]] SocketAddress address() const { return local_address(udp_.fileno()); }
  /// `kind` is of the question: one of the two above.
  void put(const std::string& name, std::uint16_t kind,
           std::vector<std::string> addresses, Way way = Way::answer);
  void go() { signal_.set(); }
  /// How often the question came by UDP.
  [[nodiscard]] int asked(const std::string& name, std::uint16_t kind) const;
  [[nodiscard]] int asked() const { return all_; }
  /// Waits until that many questions came by UDP.
  [[nodiscard]] Task<void> wait_for(int questions);

 private:
  struct Record {
    std::vector<std::string> addresses = {};
    Way way = Way::answer;
  };
  struct Question {
    std::string query;
    std::string name;
    std::uint16_t kind = 0;
    std::size_t end = 0;
  };

  struct Sockets {
    UniqueFd udp;
    UniqueFd tcp;
  };

  NameServer(IOLoop& loop, Sockets sockets);
  static Sockets bind_both();
  Task<void> serve();
  Task<void> reply(Question question, SocketAddress client);
  Task<void> serve_tcp(IOStream stream);
  [[nodiscard]] static Question parse(std::string_view query);
  [[nodiscard]] const Record* find(const Question& question) const;
  [[nodiscard]] std::string message(const Question& question, bool over_tcp) const;

  UDPSocket udp_;
  TCPServer tcp_;
  Event signal_;
  Condition came_;
  std::map<std::pair<std::string, std::uint16_t>, Record> records_;
  std::map<std::pair<std::string, std::uint16_t>, int> asked_;
  int all_ = 0;
  TaskGroup tasks_;
};

}  // namespace tornado::test
