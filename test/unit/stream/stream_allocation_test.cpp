// SPDX-License-Identifier: Apache-2.0
// Messages through a stream allocate nothing once it has run for a while, and a stream
// that waits has allocated little.
#include <functional>
#include <vector>

#include "loop/handler_table.h"
#include "stream_ends.h"
#include "support/counted_new.h"
#include "tornado/registration.h"

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

TEST_P(StreamAllocations, are_none_for_a_long_delimiter_and_a_matcher) {
  loop.spawn_callback([](IOStream& to) -> Task<void> {
    for (;;) co_await to.write("part, and its long end;");
  }(*second));
  loop.spawn_callback([](IOStream& from, StreamAllocations& test) -> Task<void> {
    do {
      (void)co_await from.read_until_match(
          [](std::string_view there) { return there.size() < 6 ? there.npos : 6; });
      (void)co_await from.read_until_view("and its long end;");
    } while (test.go_on());
  }(*first, *this));
  expect_none();
}

/// What is asked of operator new for a stream that waits, and what the loop keeps of
/// its descriptor. `wait_on` begins a read. Some pollers keep up to 40 bytes more.
template <class F>
std::uint64_t bytes_at_rest(IOLoop& loop, F wait_on) {
  constexpr std::size_t streams = 100;
  std::vector<FdPair> ends;
  for (std::size_t i = 0; i <= streams; ++i) ends.push_back(open_tcp_pair());
  const auto turn = [&] {
    loop.add_callback([&] { loop.stop(); });
    loop.start();
  };
  {
    // From then on the loop and its poller have room for all numbers.
    std::vector<Registration> watched;
    for (const FdPair& pair : ends) {
      watched.emplace_back(
          loop, pair.first.get(), [](NativeFd, Events) {}, Events::read);
    }
    turn();
  }
  wait_on(IOStream(std::move(ends.back().first), loop));
  turn();
  const std::uint64_t before = allocated_bytes;
  for (std::size_t i = 0; i < streams; ++i) {
    wait_on(IOStream(std::move(ends[i].first), loop));
  }
  turn();
  return (allocated_bytes - before) / streams + sizeof(HandlerTable::Entry);
}

TEST(StreamAtRest, takes_few_bytes_with_a_task) {
  IOLoop loop;
  TaskGroup group(loop);
  const std::uint64_t bytes = bytes_at_rest(loop, [&](IOStream stream) {
    group.start([](IOStream own) -> Task<> {
      for (;;) co_await own.write(co_await own.read_some_view());
    }(std::move(stream)));
  });
  EXPECT_LE(bytes, 600u);
}

TEST(StreamAtRest, takes_few_bytes_with_a_callback) {
  IOLoop loop;
  std::vector<IOStream> all;
  all.reserve(200);
  const std::uint64_t bytes = bytes_at_rest(loop, [&](IOStream stream) {
    all.push_back(std::move(stream));
    all.back().read_some_view().call([](Result<std::string_view>) {});
  });
  EXPECT_LE(bytes, 380u);
}

}  // namespace
}  // namespace tornado::test
