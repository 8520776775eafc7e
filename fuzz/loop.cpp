// SPDX-License-Identifier: Apache-2.0
// Plays a program on a loop of every poller, and on the model, and wants to hear the
// same.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "fuzz/model.h"
#include "fuzz/player.h"
#include "fuzz/real.h"
#include "tornado/log.h"

namespace tornado::fuzz {
namespace {

/// Which of the ready descriptors the real loop called next.
class Order {
 public:
  Order(const Trace& heard, const Player& model)
      : called_(heard.called), model_(model) {}
  std::size_t operator()() {
    if (next_ == called_.size() || called_[next_].first != model_.turn()) {
      return places;
    }
    return called_[next_++].second;
  }

 private:
  const std::vector<std::pair<int, std::size_t>>& called_;
  const Player& model_;
  std::size_t next_ = 0;
};

[[noreturn]] void report(PollerKind kind, const Program& program, const Trace& heard,
                         const Trace& promised) {
  const auto& a = heard.lines;
  const auto& b = promised.lines;
  const auto [at, other] = std::ranges::mismatch(a, b);
  std::fprintf(stderr, "%s", to_text(program).c_str());
  for (auto line = a.begin(); line != at; ++line)
    std::fprintf(stderr, "  %s\n", line->c_str());
  std::fprintf(stderr, "%s: %s\npromised: %s\n", std::string(to_string(kind)).c_str(),
               at == a.end() ? "the end" : at->c_str(),
               other == b.end() ? "the end" : other->c_str());
  std::abort();
}

void compare(PollerKind kind, const Program& program) {
  const TimePoint far = Clock::now() + std::chrono::hours(1);
  Player player(Player::Fork::real, far);
  {
    Real real(kind);
    player.play(real, program);
  }
  if (player.handed_over()) return;
  Player promised(Player::Fork::never, far);
  Model model(far - std::chrono::minutes(1), Order(player.trace(), promised));
  promised.play(model, program);
  if (player.trace().lines != promised.trace().lines)
    report(kind, program, player.trace(), promised.trace());
  if (player.is_child()) ::_exit(0);
}

bool prepare() {
  std::signal(SIGPIPE, SIG_IGN);
  set_log_sink([](LogLevel, std::string_view) noexcept {});
  return true;
}

}  // namespace
}  // namespace tornado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tornado;
  [[maybe_unused]] static const bool prepared = fuzz::prepare();
  fuzz::Input input(data, size);
  const fuzz::Program program = fuzz::decode(input);
  for (const PollerKind kind : poller_kinds()) fuzz::compare(kind, program);
  return 0;
}
