// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <ostream>
#include <string>

#include "poller/poller.h"
#include "support/pollers.h"
#include "support/wait.h"
#include "tornado/fd.h"

namespace tornado {

inline void PrintTo(Events events, std::ostream* out) {
  const char* separator = "";
  const auto print = [&](Events bit, const char* name) {
    if (!has(events, bit)) return;
    *out << separator << name;
    separator = "|";
  };
  print(Events::read, "read");
  print(Events::write, "write");
  print(Events::error, "error");
  if (events == Events::none) *out << "none";
}

inline void PrintTo(PollerKind kind, std::ostream* out) {
  *out << to_string(kind);
}

}  // namespace tornado

namespace tornado::test {

constexpr Events read_write = Events::read | Events::write;
constexpr std::chrono::nanoseconds at_once{0};
constexpr std::chrono::nanoseconds for_ever{-1};

/// What the handler of `interest` is told: with an error or a hang-up also that it can
/// read and write, if it asked, since neither would block. This is the loop's part.
constexpr Events told(Events interest, Events ready) {
  const Events asked = interest & read_write;
  return has(ready, Events::error) ? ready | asked : ready;
}

/// Parameter of the suites that run over every poller.
class PollerSuite : public testing::TestWithParam<PollerKind> {
 protected:
  void SetUp() override { TORNADO_SKIP_IF_REPLACED(GetParam(), poller_->kind()); }

  using Found = std::map<Token, Events>;

  /// What one wait finds, by token. A token that comes twice is a failure.
  Found wait(std::chrono::nanoseconds timeout = at_once) {
    Found found;
    for (const Ready& ready : poller_->wait(timeout)) {
      EXPECT_TRUE(found.emplace(ready.token, ready.events).second) << ready.token;
    }
    return found;
  }

  /// The events of the only registration that is ready; none if there is none.
  Events wait_for_one(std::chrono::nanoseconds timeout = at_once) {
    const Found found = wait(timeout);
    EXPECT_LE(found.size(), 1u);
    return found.empty() ? Events::none : found.begin()->second;
  }

  [[nodiscard]] bool is(PollerKind kind) const { return GetParam() == kind; }

  std::unique_ptr<Poller> poller_ = make_poller(GetParam());
};

template <class F>
std::error_code code_of(F act) {
  try {
    act();
  } catch (const std::system_error& e) {
    return e.code();
  }
  return {};
}

}  // namespace tornado::test
