// SPDX-License-Identifier: Apache-2.0
// Messages through a stream allocate nothing once it has run for a while.
#include <functional>

#include "stream_ends.h"
#include "support/counted_new.h"

namespace tornado::test {
namespace {

constexpr int rounds = 1000;
constexpr int rounds_to_settle = 300;

class StreamAllocations : public StreamEnds {
 public:
  /// Counts a message. False after the last.
  bool go_on() {
    if (round_ == rounds_to_settle) before_ = allocations;
    if (++round_ < rounds) return true;
    after_ = allocations;
    loop.stop();
    return false;
  }

 protected:
  StreamAllocations() { connect(); }
  void expect_none() {
    loop.start();
    EXPECT_EQ(after_ - before_, 0u);
  }

 private:
  int round_ = 0;
  std::uint64_t before_ = 0;
  std::uint64_t after_ = 1;
};
INSTANTIATE_TEST_SUITE_P(, StreamAllocations,
                         StreamAllocations::each({Link::tcp, Link::local}),
                         StreamAllocations::name);

TEST_P(StreamAllocations, are_none_for_an_echo_by_callbacks) {
  std::function<void()> echo = [&] {
    first->read_some_view().call([&](Result<std::string_view> got) {
      first->write(got.get()).call([&](Result<void>) { echo(); });
    });
  };
  std::function<void()> ask = [&] {
    second->write("message");
    second->read_bytes(7, 60s).call([&](Result<std::string> got) {
      EXPECT_EQ(got.get(), "message");
      if (go_on()) ask();
    });
  };
  echo();
  ask();
  expect_none();
}

TEST_P(StreamAllocations, are_none_for_an_echo_by_tasks) {
  loop.spawn_callback([](IOStream& stream) -> Task<void> {
    for (;;) co_await stream.write(co_await stream.read_some_view());
  }(*first));
  loop.spawn_callback([](IOStream& stream, StreamAllocations& test) -> Task<void> {
    do {
      stream.write("message");
      EXPECT_EQ(co_await stream.read_bytes(7, 60s), "message");
    } while (test.go_on());
  }(*second, *this));
  expect_none();
}

TEST_P(StreamAllocations, are_none_for_lines_that_arrive_together) {
  std::function<void()> line = [&] {
    first->read_until_view("\n").call([&](Result<std::string_view> got) {
      EXPECT_EQ(got.get(), "line\n");
      if (go_on()) line();
    });
  };
  for (int i = 0; i < rounds; ++i) second->write("line\n");
  line();
  expect_none();
}

}  // namespace
}  // namespace tornado::test
