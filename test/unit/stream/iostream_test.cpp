// SPDX-License-Identifier: Apache-2.0
// What streams promise beyond Tornado's cases.
#include "tornado/iostream.h"

#include <memory>
#include <string>
#include <vector>

#include "stream_ends.h"
#include "support/open_numbers.h"
#include "support/scale.h"
#include "tornado/executor.h"
#include "tornado/multi.h"

namespace tornado::test {
namespace {

class EachStream : public StreamEnds {};
INSTANTIATE_TEST_SUITE_P(, EachStream, EachStream::each_in_both_forms(),
                         EachStream::name);
INSTANTIATE_TEST_SUITE_P(TLS, EachStream,
                         EachStream::each_over_tls({Form::task, Form::callback}),
                         EachStream::name);

TEST_P(EachStream, gives_its_descriptors_back) {
  const std::set<NativeFd> before = open_numbers();
  connect();
  first.reset();
  second.reset();
  EXPECT_EQ(open_numbers(), before);
}

TEST_P(EachStream, sends_what_was_written_before_close) {
  connect();
  play([this]() -> Task<void> {
    second->write("small");
    second->write(std::string(10000, 'x'));
    second->write("end");
    second->close();
    EXPECT_EQ(co_await in_form(first->read_until_close()),
              "small" + std::string(10000, 'x') + "end");
  });
}

TEST_P(EachStream, sends_the_rest_when_it_is_gone) {
  connect();
  play([this]() -> Task<void> {
    const std::size_t written = fill(*second);
    second.reset();
    EXPECT_EQ((co_await in_form(first->read_until_close())).size(), written);
  });
}

TEST_P(EachStream, ends_its_own_waits_at_a_close_and_then_sends_the_rest) {
  connect();
  bool told = false;
  play([&]() -> Task<void> {
    const std::size_t written = fill(*second);
    TaskGroup flushing(loop);
    flushing.start([](IOStream& stream) -> Task<void> {
      EXPECT_EQ(co_await outcome_of([&] { return stream.flush(); }), "closed");
    }(*second));
    co_await moment();
    second->set_close_callback([&] { told = true; });
    second->close();
    EXPECT_TRUE(second->closed());
    EXPECT_EQ(second->fileno(), invalid_fd);
    co_await flushing.join();
    co_await moment();
    EXPECT_TRUE(told);
    EXPECT_EQ((co_await in_form(first->read_until_close())).size(), written);
  });
}

TEST_P(EachStream, loses_no_byte_when_a_read_is_cancelled) {
  connect();
  play([this]() -> Task<void> {
    const auto line = [](IOStream& from) -> Task<std::string> {
      co_return co_await from.read_until("\n");
    };
    second->write("half");
    EXPECT_NE(co_await outcome_of([&] { return with_timeout(1ms, line(*first)); }), "");
    EXPECT_FALSE(first->reading());
    second->write(" and half\n");
    EXPECT_EQ(co_await first->read_until("\n"), "half and half\n");
  });
}

TEST_P(EachStream, is_as_before_after_a_read_that_timed_out) {
  connect();
  play([this]() -> Task<void> {
    second->write("abc");
    EXPECT_EQ(co_await outcome_of([this] { return first->read_bytes(5, 1ms); }),
              "read_bytes: timed out");
    second->write("de");
    EXPECT_EQ(co_await in_form(first->read_bytes(5, 60s)), "abcde");
  });
}

TEST_P(EachStream, reads_up_to_a_delimiter_of_any_length) {
  connect();
  play([this]() -> Task<void> {
    for (std::size_t size = 1; size <= 40; ++size) {
      const std::string delimiter = std::string(size - 1, '-') + ";";
      second->write("one" + delimiter + "two");
      EXPECT_EQ(co_await in_form(first->read_until(delimiter)), "one" + delimiter);
      second->write(delimiter);
      EXPECT_EQ(co_await in_form(first->read_until(delimiter)), "two" + delimiter);
    }
  });
}

TEST_P(EachStream, refuses_a_second_read) {
  connect();
  play([this]() -> Task<void> {
    TaskGroup reader(loop);
    reader.start([](IOStream& from) -> Task<void> {
      EXPECT_EQ(co_await in_form(from.read_bytes(1)), "1");
    }(*first));
    co_await moment();
    EXPECT_NE(co_await outcome_of([this] { return first->read_bytes(1); }), "");
    second->write("1");
    co_await reader.join();
  });
}

TEST_P(EachStream, ends_the_wait_of_a_read_when_it_is_destroyed) {
  connect();
  play([this]() -> Task<void> {
    TaskGroup reader(loop);
    reader.start([](IOStream& from) -> Task<void> {
      const auto read = [&from]() -> Task<void> { co_await from.read_bytes(1); };
      EXPECT_EQ(co_await outcome_of(read), "closed");
    }(*first));
    co_await moment();
    first.reset();
    co_await reader.join();
  });
}

TEST_P(EachStream, may_be_gone_when_an_operation_is_awaited) {
  connect();
  play([this]() -> Task<void> {
    second->write("there;");
    EXPECT_EQ(co_await first->read_bytes(1), "t");
    auto bytes = first->read_bytes(2);
    auto line = first->read_until(";");
    auto long_line = first->read_until("a delimiter in memory of its own");
    auto write = second->write("more");
    first.reset();
    second.reset();
    EXPECT_EQ(co_await outcome_of([&] { return std::move(bytes); }), "closed");
    EXPECT_EQ(co_await outcome_of([&] { return std::move(line); }), "closed");
    EXPECT_EQ(co_await outcome_of([&] { return std::move(long_line); }), "closed");
    co_await write;  // its bytes were taken
  });
}

TEST_P(EachStream, may_be_moved_under_its_own_read) {
  connect();
  play([this]() -> Task<void> {
    TaskGroup reader(loop);
    reader.start([](IOStream& from) -> Task<void> {
      EXPECT_EQ(co_await in_form(from.read_bytes(2)), "ok");
    }(*first));
    co_await moment();
    IOStream moved = std::move(*first);
    second->write("ok");
    co_await reader.join();
    EXPECT_FALSE(moved.closed());
  });
}

TEST_P(EachStream, that_was_moved_from_may_be_aborted) {
  connect();
  const IOStream moved = std::move(*first);
  first->abort();
  EXPECT_FALSE(moved.closed());
}

TEST_P(EachStream, outlives_its_loop) {
  auto own = std::make_unique<IOLoop>(LoopOptions{.poller = std::get<1>(GetParam())});
  const FdPair ends = make_pipe();
  PipeIOStream stream(duplicate(ends.first.get()), *own);
  stream.set_close_callback([] {});
  own.reset();
  EXPECT_THROW(stream.write("x"), std::system_error);
  stream.close();
  EXPECT_TRUE(stream.closed());
}

TEST_P(EachStream, closes_no_number_that_its_loop_has_closed) {
  const auto own =
      std::make_unique<IOLoop>(LoopOptions{.poller = std::get<1>(GetParam())});
  FdPair ends = make_pipe();
  PipeIOStream stream(std::move(ends.first), *own);
  stream.set_close_callback([] {});  // so that the loop watches it
  own->close(true);
  EXPECT_TRUE(stream.closed());
  const NumbersTaken again;
  stream.close();
  EXPECT_TRUE(again.are_open());
}

TEST_P(EachStream, may_be_destroyed_on_another_thread) {
  connect();
  play([this]() -> Task<void> {
    bool told = false;
    first->set_close_callback([&told] { told = true; });
    co_await run_in_executor([this] { first.reset(); });
    while (!told) co_await moment();
  });
}

TEST_P(EachStream, may_be_destroyed_on_another_thread_while_bytes_arrive) {
  const auto note = [](auto act, std::string& text) -> Task<void> {
    text = co_await outcome_of(std::move(act));
  };
  const auto read = [this] { return first->read_until_close(); };
  const auto write = [this]() -> Task<void> {
    for (;;) co_await in_form(second->write(std::string(5000, 'x')));
  };
  for (std::uint64_t i = 0; i < scaled(10); ++i) {
    connect({.write_room = 5000});
    play([&, this]() -> Task<void> {
      TaskGroup both(loop);
      std::string reader;
      std::string writer;
      both.start(note(read, reader));
      both.start(note(write, writer));
      for (int turns = 0; turns < 5; ++turns) co_await moment();
      co_await run_in_executor([this] { first.reset(); });
      co_await both.join();
      EXPECT_NE(reader, "");  // a callback is dropped with its stream
      EXPECT_TRUE(writer.starts_with("closed")) << writer;
    });
  }
}

TEST_P(EachStream, makes_a_writer_wait_for_a_reader_that_sleeps) {
  connect({.write_room = 4096});
  play([this]() -> Task<void> {
    std::size_t written = 0;
    TaskGroup writer(loop);
    writer.start([](IOStream& to, std::size_t& count) -> Task<void> {
      for (int i = 0; i < 250; ++i) {
        co_await in_form(to.write(std::string(40000, 'x')));
        count += 40000;
      }
      to.close();
    }(*second, written));
    std::size_t before = 1;
    while (std::exchange(before, written) != written) {
      for (int i = 0; i < 10; ++i) co_await moment();
    }
    EXPECT_LT(written, 10000u * 1000);
    EXPECT_EQ((co_await in_form(first->read_until_close())).size(), 10000u * 1000);
    co_await writer.join();
  });
}

TEST_P(EachStream, refuses_a_write_beyond_its_limit_and_stays_open) {
  connect({.max_write_buffer_size = 1000});
  play([this]() -> Task<void> {
    second->write(std::string(1000, 'a'));
    EXPECT_THROW(second->write("b"), StreamBufferFullError);
    co_await in_form(second->flush());
    second->write("c");
    EXPECT_EQ(co_await in_form(first->read_bytes(1001)), std::string(1000, 'a') + "c");
  });
}

TEST_P(EachStream, writes_without_a_signal_when_nobody_reads) {
  connect();
  play([this]() -> Task<void> {
    first.reset();
    std::string ended;
    while (ended.empty()) {
      ended = co_await outcome_of([this]() -> Task<void> {
        co_await in_form(second->write(std::string(5000, 'x')));
        co_await in_form(second->flush());
      });
    }
    EXPECT_TRUE(ended.starts_with("closed: ")) << ended;
    EXPECT_TRUE(second->error() == std::errc::broken_pipe ||
                second->error() == std::errc::connection_reset)
        << second->error().message();
  });
}

TEST_P(EachStream, goes_on_writing_after_the_end_of_input_if_it_is_half_open) {
  if (!both_ways()) GTEST_SKIP() << "a pipe goes one way";
  connect({.half_open = true});
  play([this]() -> Task<void> {
    second->write("question");
    co_await second->shutdown_write();
    EXPECT_EQ(co_await in_form(first->read_until_close()), "question");
    EXPECT_FALSE(first->closed());
    first->write("answer");
    first->close();
    EXPECT_EQ(co_await in_form(second->read_until_close()), "answer");
  });
}

// A server's task ends with its read, and destroys the stream.
TEST_P(EachStream, sends_its_answer_before_the_end_of_input_closes_it) {
  if (!both_ways()) GTEST_SKIP() << "a pipe goes one way";
  const std::string answer(3 << 20, 'a');
  const auto serve = [&, this](bool all) -> Task<void> {
    EXPECT_EQ(co_await in_form(first->read_bytes(8)), "question");
    first->write(answer);
    const auto read = [=, this] {
      return all ? first->read_until_close() : first->read_bytes(1);
    };
    EXPECT_EQ(co_await outcome_of(read), all ? "" : "closed");
    first.reset();
  };
  for (const bool all : {false, true}) {
    connect();
    play([&, this]() -> Task<void> {
      TaskGroup server;
      server.start(serve, all);
      second->write("question");
      co_await second->shutdown_write();
      const std::string got = co_await in_form(second->read_until_close());
      EXPECT_EQ(got.size(), answer.size());
      co_await server.join();
    });
  }
}

TEST_P(EachStream, sends_what_is_written_while_its_end_of_output_waits) {
  const std::string large(1 << 20, 'x');
  for (const bool finishes : {false, true}) {
    connect({.half_open = true});
    play([&, this]() -> Task<void> {
      TaskGroup ending(loop);
      std::size_t written = 0;
      while (!second->writing()) {  // until the kernel takes no more
        second->write(large);
        written += large.size();
      }
      ending.start(finishes ? second->finish() : second->shutdown_write());
      co_await moment();
      second->write("the rest");
      const std::string all = co_await in_form(first->read_until_close());
      EXPECT_EQ(all.size(), written + 8);
      first->close();
      co_await ending.join();
    });
  }
}

TEST_P(EachStream, refuses_an_end_of_output_when_it_is_closed) {
  connect();
  play([this]() -> Task<void> {
    second->close(std::make_error_code(std::errc::timed_out));
    const std::string outcome =
        co_await outcome_of([this] { return second->shutdown_write(); });
    EXPECT_EQ(outcome,
              "closed: " + std::make_error_code(std::errc::timed_out).message());
  });
}

TEST_P(EachStream, finishes_an_answer_while_the_peer_still_sends) {
  if (!over_tcp()) GTEST_SKIP() << "only TCP resets";
  connect();
  const std::string answer(2 << 20, 'a');
  play([&, this]() -> Task<void> {
    second->write(std::string(100000, 'q'));
    first->write(answer);
    TaskGroup finishing(loop);
    finishing.start(first->finish());
    EXPECT_EQ(co_await in_form(second->read_until_close()), answer);
    second->close();
    co_await finishing.join();
    EXPECT_TRUE(first->closed());
  });
}

TEST_P(EachStream, finishes_while_both_ends_are_full) {
  if (!both_ways()) GTEST_SKIP() << "a pipe goes one way";
  connect({.half_open = true});
  play([this]() -> Task<void> {
    const std::size_t written = fill(*second);
    fill(*first);
    TaskGroup finishing(loop);
    finishing.start(second->finish());
    co_await in_form(first->flush());  // all of it is discarded
    co_await first->shutdown_write();
    EXPECT_EQ((co_await in_form(first->read_until_close())).size(), written);
    co_await finishing.join();
  });
}

TEST_P(EachStream, refuses_to_finish_beside_a_read) {
  if (!both_ways()) GTEST_SKIP() << "a pipe goes one way";
  connect();
  play([this]() -> Task<void> {
    TaskGroup reading(loop);
    reading.start([](IOStream& from) -> Task<void> {
      EXPECT_EQ(co_await in_form(from.read_until("\n")), "line\n");
    }(*first));
    co_await moment();
    EXPECT_NE(co_await outcome_of([this] { return first->finish(); }), "");
    second->write("line\nrest");
    co_await reading.join();
    EXPECT_EQ(co_await in_form(first->read_bytes(4)), "rest");
    first->write("open");
    EXPECT_EQ(co_await in_form(second->read_bytes(4)), "open");
  });
}

TEST_P(EachStream, takes_input_again_after_a_cancelled_finish) {
  if (!both_ways()) GTEST_SKIP() << "a pipe goes one way";
  connect({.half_open = true});
  play([this]() -> Task<void> {
    EXPECT_NE(
        co_await outcome_of([this] { return with_timeout(1ms, first->finish()); }), "");
    second->write("one");
    co_await in_form(second->flush());
    for (int i = 0; i < 3; ++i) co_await moment();
    second->write("two");
    EXPECT_EQ(co_await in_form(first->read_bytes(6)), "onetwo");
  });
}

TEST_P(EachStream, refuses_a_flush_and_an_end_of_output_on_another_loop) {
  if (form_of_test == Form::callback) GTEST_SKIP() << "has no task of another loop";
  connect();
  const auto ask = [this]() -> Task<void> {
    EXPECT_NE(co_await outcome_of([this] { return second->flush(); }), "");
    EXPECT_NE(co_await outcome_of([this] { return second->shutdown_write(); }), "");
  };
  IOLoop other;
  other.run_sync(ask(), patience);
  play([this]() -> Task<void> {
    second->write("still open");
    EXPECT_EQ(co_await in_form(first->read_bytes(10)), "still open");
  });
}

TEST_P(EachStream, tells_a_close_callback_that_is_set_after_the_close) {
  connect();
  play([this]() -> Task<void> {
    bool told = false;
    first->close();
    first->set_close_callback([&told] { told = true; });
    EXPECT_FALSE(told);
    co_await moment();
    EXPECT_TRUE(told);
  });
}

TEST_P(EachStream, gives_up_a_finish_that_lasts_too_long) {
  if (!both_ways()) GTEST_SKIP() << "a pipe goes one way";
  connect();
  play([this]() -> Task<void> {
    co_await first->finish({.in_all = 5ms, .without_a_byte = 1ms});
    EXPECT_TRUE(first->closed());
  });
}

TEST_P(EachStream, ends_a_finish_whose_stream_was_destroyed) {
  if (!both_ways()) GTEST_SKIP() << "a pipe goes one way";
  connect();
  play([this]() -> Task<void> {
    Task<void> finish = first->finish();
    first.reset();
    co_await std::move(finish);
    EXPECT_EQ(co_await in_form(second->read_until_close()), "");
  });
}

TEST_P(EachStream, is_noticed_as_closed_while_it_is_idle) {
  connect();
  play([this]() -> Task<void> {
    bool told = false;
    first->set_close_callback([&told] { told = true; });
    second.reset();
    while (!told) co_await moment();
    EXPECT_TRUE(first->closed());
    EXPECT_FALSE(first->error());
  });
}

TEST_P(EachStream, notices_a_close_when_its_buffer_was_read) {
  connect();
  play([this]() -> Task<void> {
    second->write("12");
    EXPECT_EQ(co_await in_form(first->read_bytes(1)), "1");
    bool told = false;
    first->set_close_callback([&told] { told = true; });
    second.reset();
    for (int i = 0; i < 5; ++i) co_await moment();
    EXPECT_FALSE(told);
    EXPECT_EQ(co_await in_form(first->read_bytes(1)), "2");
    while (!told) co_await moment();
  });
}

TEST_P(EachStream, finds_a_delimiter_that_comes_in_pieces) {
  connect();
  play([this]() -> Task<void> {
    TaskGroup reader(loop);
    reader.start([](IOStream& from) -> Task<void> {
      EXPECT_EQ(co_await in_form(from.read_until("abcabd")), "xabcabcabd");
    }(*first));
    for (const char byte : std::string("xabcabcabdrest")) {
      second->write({&byte, 1});
      co_await in_form(second->flush());
      co_await moment();
    }
    co_await reader.join();
    EXPECT_EQ(co_await in_form(first->read_some()), "rest");
  });
}

TEST_P(EachStream, gives_views_until_the_next_operation) {
  connect();
  play([this]() -> Task<void> {
    second->write("one\ntwo\n");
    const std::string_view line = co_await in_form(first->read_until_view("\n"));
    EXPECT_EQ(line, "one\n");
    EXPECT_EQ(co_await in_form(first->read_until_view("\n")), "two\n");
  });
}

TEST_P(EachStream, takes_what_a_matcher_says) {
  connect();
  const auto digits = [](std::string_view text) {
    const std::size_t end = text.find_first_not_of("0123456789");
    return end;
  };
  play([&, this]() -> Task<void> {
    second->write("12");
    second->write("34;5");
    EXPECT_EQ(co_await in_form(first->read_until_match(digits)), "1234");
    EXPECT_EQ(co_await in_form(first->read_bytes(2)), ";5");
  });
}

TEST_P(EachStream, gives_a_read_what_its_matcher_throws) {
  connect();
  const auto throws = [](std::string_view) -> std::size_t {
    throw std::logic_error("no match");
  };
  play([&, this]() -> Task<void> {
    TaskGroup reader(loop);
    reader.start(
        [](IOStream& from, detail::ReadMatcher matcher) -> Task<void> {
          detail::StringRead read = from.read_until_match(std::move(matcher));
          EXPECT_EQ(co_await outcome_of([&read]() -> Task<void> { co_await read; }),
                    "no match");
        },
        std::ref(*first), detail::ReadMatcher(throws));
    co_await moment();
    second->write("x");
    co_await reader.join();
    EXPECT_EQ(co_await in_form(first->read_bytes(1)), "x");
  });
}

TEST_P(EachStream, refuses_to_connect_when_it_is_closed) {
  connect();
  first->close();
  EXPECT_THROW((void)first->connect(SocketAddress("127.0.0.1", 1)), StreamClosedError);
}

TEST_P(EachStream, refuses_an_empty_delimiter) {
  connect();
  EXPECT_THROW((void)first->read_until(""), std::system_error);
}

TEST_P(EachStream, closes_when_a_read_needs_more_than_its_buffer) {
  connect({.max_buffer_size = 5000});
  play([this]() -> Task<void> {
    second->write(std::string(100000, 'x'));
    EXPECT_EQ(co_await outcome_of([this] { return first->read_until("\n"); }),
              "closed: the read needs more than max_buffer_size");
  });
}

TEST_P(EachStream, closes_with_the_loop_and_leaves_no_task) {
  auto own = std::make_unique<IOLoop>(LoopOptions{.poller = std::get<1>(GetParam())});
  FdPair ends = make_pipe();
  bool destroyed = false;
  struct Flag {
    bool& set;
    ~Flag() { set = true; }
  };
  own->spawn_callback([](UniqueFd fd, IOLoop& on, bool& flag) -> Task<void> {
    const Flag at_end{flag};
    PipeIOStream stream(std::move(fd), on);
    co_await stream.read_bytes(1);
  }(std::move(ends.first), *own, destroyed));
  own->add_callback([&own] { own->stop(); });
  own->start();
  own.reset();
  EXPECT_TRUE(destroyed);
}

}  // namespace
}  // namespace tornado::test
