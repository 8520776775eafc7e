// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "poller/poller.h"
#include "support/scale.h"
#include "tornado/fd.h"

namespace tornado::test {

/// A random life of pipes and sockets, played before several pollers at once, each of
/// which has to tell the same of it.
class DifferentialScript {
 public:
  DifferentialScript(std::uint64_t seed, std::vector<PollerKind> kinds);

  /// One operation, and one look of each poller. False if they do not agree.
  [[nodiscard]] bool step();
  /// The last operations and what each poller said.
  [[nodiscard]] std::string story() const;
  /// How many events were compared.
  [[nodiscard]] std::uint64_t events() const { return events_; }

 private:
  using Told = std::map<Token, Events>;

  struct Registration {
    Token token;
    Events interest;
  };
  /// One end of a pipe or a socket pair, or a duplicate of one.
  struct End {
    UniqueFd fd;
    bool is_socket;
    bool reads;
    bool writes;
    std::optional<Registration> registration;
  };

  void operate();
  void open_ends();
  void open_duplicate();
  void register_end(End& end);
  void unregister(End& end);
  void register_bad_number();
  void close_end(std::size_t index);
  void move_bytes(End& end);
  void shut_down(End& end);

  /// The same call to each poller; they have to fail alike.
  template <class Call>
  void on_each(const std::string& what, Call call);
  bool look();
  Told told_by(Poller& poller);
  void tell(const std::string& line);
  End& any_end() { return ends_[random_.below(ends_.size())]; }

  Random random_;
  std::vector<std::unique_ptr<Poller>> pollers_;
  std::vector<End> ends_;
  Token next_token_ = 1;
  bool agreed_ = true;
  std::uint64_t events_ = 0;
  std::deque<std::string> story_;
};

}  // namespace tornado::test
