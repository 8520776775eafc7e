// SPDX-License-Identifier: Apache-2.0
#include "peer.h"

#include <signal.h>
#include <sys/wait.h>

#include "network.h"
#include "support/open_numbers.h"

namespace tornado::test {
namespace {

SpawnOptions options_for(std::vector<std::string> argv,
                         std::vector<DescriptorMapping> give) {
  SpawnOptions options;
  options.executable = find_program(argv.front());
  options.argv = std::move(argv);
  options.in = Subprocess::STREAM;
  options.out = Subprocess::STREAM;
  options.descriptors = std::move(give);
  options.parent_death_signal = SIGKILL;
  options.process_group = 0;
  return options;
}

}  // namespace

Peer::Peer(std::vector<std::string> argv, std::vector<DescriptorMapping> give)
    : process_(options_for(std::move(argv), std::move(give))),
      in_(std::move(process_.in())),
      out_(std::move(process_.out())) {}

Peer::~Peer() {
  if (process_.returncode()) return;
  // Its group is there for as long as it is not reaped. The next peer may want its
  // port.
  ::kill(-process_.pid(), SIGKILL);
  siginfo_t ended{};
  ::waitid(P_PID, static_cast<id_t>(process_.pid()), &ended, WEXITED | WNOWAIT);
}

Task<std::string> Peer::line() {
  std::string text = co_await out_->read_until("\n");
  text.pop_back();
  co_return text;
}

Task<std::uint16_t> Peer::port() {
  const std::string text = co_await line();
  co_return static_cast<std::uint16_t>(std::stoi(text));
}

Task<std::string> Peer::rest() {
  co_return co_await out_->read_until_close();
}

Task<int> Peer::ended() {
  const ExitStatus status = co_await process_.exited();
  co_return status.returncode;
}

void WithPeers::SetUp() {
  for (const std::string& program : programs_) {
    if (find_program(program).empty()) GTEST_SKIP() << "no program " << program;
  }
  if (find_program("ip").empty()) GTEST_SKIP() << "no program ip";
  if (!in_own_network()) GTEST_SKIP() << "no network namespace is allowed";
  before_ = open_numbers();
  loop_.emplace();
}

void WithPeers::TearDown() {
  if (!loop_) return;
  loop_.reset();
  // A peer that was killed is reaped soon.
  EXPECT_TRUE(wait_until([this] { return open_numbers() == before_; }))
      << testing::PrintToString(open_numbers()) << " instead of "
      << testing::PrintToString(before_);
}

}  // namespace tornado::test
