// SPDX-License-Identifier: Apache-2.0
// The cases of Tornado's iostream_test.py under their own names.
#include <algorithm>
#include <array>
#include <random>
#include <string>

#include "stream_ends.h"
#include "tornado/stream_regex.h"

namespace tornado::test {
namespace {

class TestReadWrite : public StreamEnds {};
INSTANTIATE_TEST_SUITE_P(, TestReadWrite, TestReadWrite::each_in_both_forms(),
                         TestReadWrite::name);
INSTANTIATE_TEST_SUITE_P(TLS, TestReadWrite, TestReadWrite::each_over_tls(),
                         TestReadWrite::name);

TEST_P(TestReadWrite, test_write_zero_bytes) {
  connect();
  play([this]() -> Task<void> {
    co_await in_form(second->write(""));
    co_await in_form(second->flush());
  });
  EXPECT_FALSE(second->writing());
}

TEST_P(TestReadWrite, test_future_delayed_close_callback) {
  connect();
  play([this]() -> Task<void> {
    second->write("12");
    EXPECT_EQ(co_await in_form(first->read_bytes(1)), "1");
    second->close();
    EXPECT_EQ(co_await in_form(first->read_bytes(1)), "2");
  });
}

TEST_P(TestReadWrite, test_close_buffered_data) {
  connect();
  play([this]() -> Task<void> {
    second->write(std::string(512, 'A'));
    EXPECT_EQ(co_await in_form(first->read_bytes(256)), std::string(256, 'A'));
    second->close();
    EXPECT_EQ(co_await in_form(first->read_bytes(256)), std::string(256, 'A'));
  });
}

TEST_P(TestReadWrite, test_read_until_close_after_close) {
  connect();
  play([this]() -> Task<void> {
    second->write("1234");
    EXPECT_EQ(co_await in_form(first->read_bytes(1)), "1");
    second->close();
    EXPECT_EQ(co_await in_form(first->read_until_close()), "234");
  });
}

TEST_P(TestReadWrite, test_large_read_until) {
  connect();
  play([this]() -> Task<void> {
    TaskGroup writer(loop);
    writer.start([](IOStream& to) -> Task<void> {
      for (int i = 0; i < 4096; ++i) co_await in_form(to.write(std::string(1024, 'A')));
      co_await in_form(to.write("\r\n"));
    }(*second));
    const std::string line = co_await in_form(first->read_until("\r\n"));
    EXPECT_EQ(line.size(), 4194306u);
    co_await writer.join();
  });
}

TEST_P(TestReadWrite, test_read_until_with_close_after_second_packet) {
  connect();
  play([this]() -> Task<void> {
    TaskGroup reader(loop);
    std::string line;
    reader.start([](IOStream& from, std::string& to) -> Task<void> {
      to = co_await in_form(from.read_until("done"));
    }(*first, line));
    co_await in_form(second->write(std::string(2048, 'x')));
    co_await in_form(second->flush());
    co_await moment();
    second->write("done");
    second->close();
    co_await reader.join();
    EXPECT_EQ(line, std::string(2048, 'x') + "done");
  });
}

TEST_P(TestReadWrite, test_read_until_unsatisfied_after_close) {
  connect();
  play([this]() -> Task<void> {
    second->write(std::string(2048, 'x'));
    co_await in_form(second->flush());
    second->write("dang");
    second->close();
    EXPECT_EQ(co_await outcome_of([this] { return first->read_until("done"); }),
              "closed");
  });
}

TEST_P(TestReadWrite, test_close_callback_with_pending_read) {
  connect();
  play([this]() -> Task<void> {
    bool told = false;
    first->set_close_callback([&told] { told = true; });
    second->write("OK\r\n");
    EXPECT_EQ(co_await in_form(first->read_until("\r\n")), "OK\r\n");
    TaskGroup reader(loop);
    reader.start([](IOStream& from) -> Task<void> {
      EXPECT_EQ(co_await outcome_of([&from] { return from.read_until("\r\n"); }),
                "closed");
    }(*first));
    co_await moment();
    second->close();
    co_await reader.join();
    while (!told) co_await moment();
  });
}

TEST_P(TestReadWrite, test_future_close_callback) {
  connect();
  play([this]() -> Task<void> {
    int told = 0;
    first->set_close_callback([&told] { ++told; });
    second->write("a");
    EXPECT_EQ(co_await in_form(first->read_bytes(1)), "a");
    co_await moment();
    EXPECT_EQ(told, 0);
    second->close();
    while (told == 0) co_await moment();
    EXPECT_TRUE(first->closed());
    EXPECT_EQ(told, 1);
  });
}

TEST_P(TestReadWrite, test_read_bytes_partial) {
  connect();
  play([this]() -> Task<void> {
    second->write("hello");
    EXPECT_EQ(co_await in_form(first->read_some(50)), "hello");
    second->write("world");
    EXPECT_EQ(co_await in_form(first->read_some(3)), "wor");
    EXPECT_EQ(co_await in_form(first->read_some(3)), "ld");
    EXPECT_EQ(co_await in_form(first->read_some(0)), "");
  });
}

TEST_P(TestReadWrite, test_read_until_max_bytes) {
  connect();
  play([this]() -> Task<void> {
    bool told = false;
    first->set_close_callback([&told] { told = true; });
    second->write("abcdef");
    EXPECT_EQ(co_await in_form(first->read_until("def", {.max_bytes = 50})), "abcdef");
    second->write("abcdef");
    EXPECT_EQ(co_await in_form(first->read_until("def", {.max_bytes = 6})), "abcdef");
    second->write("123456");
    EXPECT_EQ(co_await outcome_of(
                  [this] { return first->read_until("def", {.max_bytes = 5}); }),
              "closed: the read could not end within max_bytes");
    while (!told) co_await moment();
  });
}

TEST_P(TestReadWrite, test_read_until_max_bytes_ignores_extra) {
  connect();
  play([this]() -> Task<void> {
    second->write("abcdef");
    EXPECT_EQ(co_await outcome_of(
                  [this] { return first->read_until("def", {.max_bytes = 5}); }),
              "closed: the read could not end within max_bytes");
  });
  EXPECT_TRUE(first->closed());
}

TEST_P(TestReadWrite, test_read_until_regex_max_bytes) {
  connect();
  const std::regex pattern("def");
  play([&pattern, this]() -> Task<void> {
    second->write("abcdef");
    const ReadOptions exact = {.max_bytes = 6};
    EXPECT_EQ(co_await in_form(read_until_regex(*first, pattern, exact)), "abcdef");
    second->write("123456");
    EXPECT_EQ(co_await outcome_of([&pattern, this] {
                return read_until_regex(*first, pattern, {.max_bytes = 5});
              }),
              "closed: the read could not end within max_bytes");
  });
}

TEST_P(TestReadWrite, test_read_until_regex_max_bytes_ignores_extra) {
  connect();
  const std::regex pattern("def");
  play([&pattern, this]() -> Task<void> {
    second->write("abcdef");
    EXPECT_EQ(co_await outcome_of([&pattern, this] {
                return read_until_regex(*first, pattern, {.max_bytes = 5});
              }),
              "closed: the read could not end within max_bytes");
  });
}

TEST_P(TestReadWrite, test_small_reads_from_large_buffer) {
  connect({.max_buffer_size = 10 << 10});
  play([this]() -> Task<void> {
    second->write(std::string(100 << 10, 'a'));
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(co_await in_form(first->read_bytes(1024)), std::string(1024, 'a'));
    }
  });
}

TEST_P(TestReadWrite, test_small_read_untils_from_large_buffer) {
  connect({.max_buffer_size = 10 << 10});
  const std::string line = std::string(1023, 'a').append("\n");
  play([&line, this]() -> Task<void> {
    for (int i = 0; i < 100; ++i) second->write(line);
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(co_await in_form(first->read_until("\n", {.max_bytes = 4096})), line);
    }
  });
}

TEST_P(TestReadWrite, test_flow_control) {
  static constexpr std::size_t MB = 1 << 20;
  connect({.max_buffer_size = 5 * MB});
  play([this]() -> Task<void> {
    TaskGroup writer(loop);
    writer.start([](IOStream& to) -> Task<void> {
      co_await in_form(to.write(std::string(10 * MB, 'a')));
    }(*second));
    EXPECT_EQ((co_await in_form(first->read_bytes(MB))).size(), MB);
    for (int i = 0; i < 10; ++i) co_await moment();
    for (int i = 0; i < 9; ++i)
      EXPECT_EQ((co_await in_form(first->read_bytes(MB))).size(), MB);
    co_await writer.join();
  });
}

TEST_P(TestReadWrite, test_read_into) {
  connect();
  play([this]() -> Task<void> {
    std::array<char, 10> room{};
    TaskGroup reader(loop);
    reader.start([](IOStream& from, std::array<char, 10>& to) -> Task<void> {
      EXPECT_EQ(co_await in_form(from.read_into(to)), 10u);
    }(*first, room));
    co_await moment();
    EXPECT_TRUE(first->reading());
    second->write("hello");
    co_await in_form(second->flush());
    co_await moment();
    EXPECT_TRUE(first->reading());
    second->write("world!!");
    co_await reader.join();
    EXPECT_FALSE(first->reading());
    EXPECT_EQ(std::string(room.data(), 10), "helloworld");
    EXPECT_EQ(co_await in_form(first->read_bytes(2)), "!!");
  });
}

TEST_P(TestReadWrite, test_read_into_zero_bytes) {
  connect();
  play([this]() -> Task<void> {
    EXPECT_EQ(co_await in_form(first->read_into({})), 0u);
  });
}

TEST_P(TestReadWrite, test_many_mixed_reads) {
  connect();
  std::mt19937 random(42);
  std::string all(1000000, '\0');
  std::ranges::generate(all, [&random] { return static_cast<char>(random()); });
  std::string got;
  play([&, this]() -> Task<void> {
    TaskGroup writer(loop);
    writer.start([](IOStream& to, std::string_view bytes) -> Task<void> {
      std::mt19937 sizes(43);
      while (!bytes.empty()) {
        const auto count = (std::min)(bytes.size(), std::size_t{1} + sizes() % 1000);
        co_await in_form(to.write(bytes.substr(0, count)));
        bytes.remove_prefix(count);
      }
    }(*second, all));
    while (got.size() < all.size()) {
      const std::size_t count =
          (std::min)(all.size() - got.size(), std::size_t{1} + random() % 1000);
      if (random() % 2 == 0) {
        got += co_await in_form(first->read_bytes(count));
      } else {
        std::string room(count, '\0');
        EXPECT_EQ(co_await in_form(first->read_into(room)), count);
        got += room;
      }
    }
    co_await writer.join();
  });
  EXPECT_EQ(got, all);
}

TEST_P(TestReadWrite, test_future_write) {
  if (!both_ways()) GTEST_SKIP() << "a pipe has one writer here";
  connect();
  static constexpr std::size_t all = 10 * 1000 * 50;
  play([this]() -> Task<void> {
    TaskGroup writers(loop);
    for (int i = 0; i < 10; ++i) {
      writers.start([](IOStream& to) -> Task<void> {
        for (int n = 0; n < 1000; ++n) co_await in_form(to.write(std::string(50, 'x')));
      }(*second));
    }
    for (std::size_t got = 0; got < all;)
      got += (co_await in_form(first->read_some())).size();
    co_await writers.join();
  });
}

TEST_P(TestReadWrite, test_future_close_while_reading) {
  connect();
  play([this]() -> Task<void> {
    second->write("hello");
    second->close();
    EXPECT_EQ(co_await outcome_of([this] { return first->read_bytes(1 << 20); }),
              "closed");
    // What came is still there.
    EXPECT_EQ(co_await in_form(first->read_bytes(5)), "hello");
    EXPECT_EQ(co_await outcome_of([this] { return first->read_bytes(1); }), "closed");
  });
}

TEST_P(TestReadWrite, test_future_read_until_close) {
  connect();
  play([this]() -> Task<void> {
    second->write("all of it");
    second->close();
    EXPECT_EQ(co_await in_form(first->read_until_close()), "all of it");
    EXPECT_EQ(co_await outcome_of([this] { return first->read_bytes(1); }), "closed");
  });
}

TEST_P(TestReadWrite, test_pipe_iostream) {
  connect();
  play([this]() -> Task<void> {
    second->write("he");
    second->write("llo world");
    EXPECT_EQ(co_await in_form(first->read_until(" ")), "hello ");
    EXPECT_EQ(co_await in_form(first->read_bytes(3)), "wor");
    second->close();
    EXPECT_EQ(co_await in_form(first->read_until_close()), "ld");
  });
}

TEST_P(TestReadWrite, test_pipe_iostream_big_write) {
  connect();
  play([this]() -> Task<void> {
    second->write(std::string(1 << 20, '1'));
    const std::string all = co_await in_form(first->read_bytes(1 << 20));
    EXPECT_EQ(all, std::string(1 << 20, '1'));
  });
}

class TestIOStream : public StreamEnds {};
INSTANTIATE_TEST_SUITE_P(, TestIOStream,
                         TestIOStream::each({Link::tcp}, {Form::task, Form::callback}),
                         TestIOStream::name);

TEST_P(TestIOStream, test_connection_refused) {
  const FdPair pair = open_tcp_pair();
  // The port of a connection is taken, and nothing listens on it.
  const SocketAddress nobody = local_address(pair.second.get());
  play([&]() -> Task<void> {
    IOStream stream(make_socket(2, 1), loop);
    bool told = false;
    stream.set_close_callback([&told] { told = true; });
    EXPECT_TRUE((co_await outcome_of([&] {
                  return stream.connect(nobody);
                })).starts_with("closed: "));
    EXPECT_EQ(stream.error(), std::errc::connection_refused);
    while (!told) co_await moment();
  });
}

}  // namespace
}  // namespace tornado::test
