// SPDX-License-Identifier: Apache-2.0
// Random writers and readers. Each byte tells its place, so that a byte that is lost,
// doubled or out of order shows at once.
#include <random>
#include <string>

#include "net/socket_calls.h"
#include "net/sockets.h"
#include "stream_ends.h"
#include "support/scale.h"
#include "tornado/multi.h"
#include "tornado/testing.h"

namespace tornado::test {
namespace {

using Random = std::mt19937_64;

char byte_at(std::size_t place) {
  return static_cast<char>((place * 2654435761u) >> 24);
}

/// What a writer has written, and a reader has read.
class Bytes {
 public:
  std::string next(std::size_t count) {
    std::string bytes(count, '\0');
    for (char& byte : bytes) byte = byte_at(written_++);
    return bytes;
  }
  void got(std::string_view bytes) {
    for (const char byte : bytes) {
      ASSERT_EQ(byte, byte_at(read_)) << "at byte " << read_;
      ++read_;
    }
  }
  [[nodiscard]] std::size_t written() const { return written_; }
  [[nodiscard]] std::size_t read() const { return read_; }

 private:
  std::size_t written_ = 0;
  std::size_t read_ = 0;
};

std::size_t any_size(Random& random) {
  const std::size_t most[] = {2, 100, 5000, 100000};
  return random() % most[random() % 4];
}

Task<void> write_at_random(IOStream& stream, Bytes& bytes, Random random) {
  for (std::size_t acts = 5 + random() % 40; acts > 0; --acts) {
    const std::string next = bytes.next(any_size(random));
    switch (random() % 4) {
      case 0:
        stream.write(next);
        break;
      case 1:
        co_await in_form(stream.write(next));
        break;
      case 2:
        stream.write(next);
        co_await in_form(stream.flush());
        break;
      default:
        stream.write(next);
        co_await moment();
    }
  }
  co_await in_form(stream.flush());
}

/// A read that is cancelled, or has its result in the same turn.
Task<void> read_for_a_moment(IOStream& stream, Bytes& bytes, std::size_t count) {
  const auto read = [](IOStream& from, Bytes& to, std::size_t n) -> Task<void> {
    try {
      to.got(co_await from.read_bytes(n));
    } catch (const StreamClosedError&) {  // the next read throws it again
    }
  };
  const auto wait = []() -> Task<void> { co_await moment(); };
  co_await first_of(read(stream, bytes, count), wait());
}

Task<void> read_once(IOStream& stream, Bytes& bytes, Random& random) {
  const std::size_t count = any_size(random) + 1;
  switch (random() % 6) {
    case 0:
      bytes.got(co_await in_form(stream.read_bytes(count)));
      break;
    case 1:
      bytes.got(co_await in_form(stream.read_some(count)));
      break;
    case 2:
      bytes.got(co_await stream.read_some_view(count));
      break;
    case 3: {
      std::string room(count, '\0');
      const std::size_t got = co_await in_form(stream.read_into(room));
      EXPECT_EQ(got, count);
      bytes.got(room);
      break;
    }
    case 4:
      bytes.got(co_await in_form(stream.read_until(std::string(1, byte_at(random())))));
      break;
    default:
      co_await read_for_a_moment(stream, bytes, count);
  }
}

/// Reads until the end of input. What no read could take is there then.
Task<void> read_at_random(IOStream& stream, Bytes& bytes, Random random) {
  try {
    for (;;) co_await read_once(stream, bytes, random);
  } catch (const StreamClosedError& error) {
    EXPECT_FALSE(error.real_error()) << error.what();
  }
  bytes.got(co_await in_form(stream.read_until_close()));
}

// Not the receiver's: TCP with a small window waits for its timers.
void shrink_buffer(const IOStream& stream) {
  set_option(stream.fileno(), SOL_SOCKET, SO_SNDBUF, 4096);
}

class StreamScripts : public StreamEnds {
 protected:
  void play_script(std::uint64_t seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    connect({.write_room = 1 + random() % 100000, .half_open = true});
    if (random() % 2 == 0) {
      shrink_buffer(*first);
      shrink_buffer(*second);
    }
    Bytes forth;
    Bytes back;
    play([&, this]() -> Task<void> {
      TaskGroup acts(loop);
      acts.start(read_at_random(*first, forth, Random(random())));
      acts.start(write_and_end(*second, forth, Random(random())));
      if (both_ways()) {
        acts.start(read_at_random(*second, back, Random(random())));
        acts.start(write_and_end(*first, back, Random(random())));
      }
      co_await acts.join();
    });
    EXPECT_EQ(forth.read(), forth.written());
    EXPECT_EQ(back.read(), back.written());
  }

 private:
  Task<void> write_and_end(IOStream& stream, Bytes& bytes, Random random) {
    co_await write_at_random(stream, bytes, random);
    if (both_ways()) {
      co_await stream.shutdown_write();
    } else {
      stream.close();
    }
  }
};
INSTANTIATE_TEST_SUITE_P(, StreamScripts, StreamScripts::each_in_both_forms(),
                         StreamScripts::name);
INSTANTIATE_TEST_SUITE_P(TLS, StreamScripts, StreamScripts::each_over_tls(),
                         StreamScripts::name);

TEST_P(StreamScripts, lose_and_double_no_byte) {
  for (const std::uint64_t seed : simulation_seeds(scaled(30))) {
    play_script(seed);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace tornado::test
