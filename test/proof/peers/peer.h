// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/wait.h"
#include "tornado/gen.h"
#include "tornado/iostream.h"
#include "tornado/subprocess.h"

namespace tornado::test {

using namespace std::chrono_literals;

/// A program and its arguments. Coroutines call it: g++ 12 does not compile a list of
/// strings beside a co_await.
template <class... Words>
std::vector<std::string> command(const Words&... words) {
  return {std::string(words)...};
}

/// Another program, with which the streams of a test talk. Killed at the end of the
/// scope, with the processes of its group.
class Peer {
 public:
  /// On the current loop. Its errors go to those of the test.
  explicit Peer(std::vector<std::string> argv,
                std::vector<DescriptorMapping> give = {});
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// Its standard input, and its standard output.
  [[nodiscard]] IOStream& in() { return *in_; }
  [[nodiscard]] IOStream& out() { return *out_; }
  /// Ends its input.
  void close_in() { in_.reset(); }
  /// The next line of its output, without the end of line.
  [[nodiscard]] Task<std::string> line();
  /// The number that the next line of its output is.
  [[nodiscard]] Task<std::uint16_t> port();
  /// The rest of its output.
  [[nodiscard]] Task<std::string> rest();
  /// What it returned, or minus the signal that ended it.
  [[nodiscard]] Task<int> ended();
  void send(int signal) { process_.send_signal(signal); }

 private:
  Subprocess process_;
  std::optional<PipeIOStream> in_;
  std::optional<PipeIOStream> out_;
};

/// A test whose peers are `programs`. Skipped where one of them is missing, or where
/// there can be no network of the test's own.
class WithPeers : public testing::Test {
 protected:
  explicit WithPeers(std::vector<std::string> programs)
      : programs_(std::move(programs)) {}
  void SetUp() override;
  /// Closes the loop. No descriptor is left then.
  void TearDown() override;

  /// Runs a test that is a task.
  template <class F>
  void play(F body) {
    constexpr auto run = [](F function) -> Task<void> { co_await function(); };
    loop_->run_sync(run(std::move(body)), patience);
  }

 private:
  const std::vector<std::string> programs_;
  std::set<NativeFd> before_;
  std::optional<IOLoop> loop_;
};

}  // namespace tornado::test
