// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Buffered, awaitable input and output on sockets and pipes.

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "tornado/address.h"
#include "tornado/fd.h"
#include "tornado/ioloop.h"
#include "tornado/stream_error.h"
#include "tornado/stream_read.h"
#include "tornado/stream_wait.h"
#include "tornado/task.h"

#pragma push_macro("fileno")
#undef fileno

namespace tornado {

class StreamFilter;
class StreamTransport;

/// Probes of a TCP connection on which nothing arrives. Zero: as the system has it.
struct KeepAlive {
  std::chrono::seconds idle{0};      // before the first probe
  std::chrono::seconds interval{0};  // between probes
  int probes = 0;                    // without an answer, after which it is broken
};

struct StreamOptions {
  /// The most bytes that wait to be read. A read that needs more closes the stream,
  /// with Errc::buffer_full.
  std::size_t max_buffer_size = 100 << 20;
  /// The most bytes that wait to be sent. A write beyond it throws
  /// StreamBufferFullError.
  std::size_t max_write_buffer_size = 100 << 20;
  /// `co_await write()` waits until at most this much is unsent.
  std::size_t write_room = 64 << 10;
  /// False: the end of input closes the stream, once everything written is sent. Reads
  /// tell the end only then. True: the stream can be written until it is closed.
  bool half_open = false;
  /// TCP_NODELAY: small writes leave at once. Writes of one turn leave together anyway.
  bool nodelay = true;
  /// Notices a peer that vanished without a word. Empty: off.
  std::optional<KeepAlive> keepalive = {};
};

struct ReadOptions {
  /// A read that cannot end within this many bytes, the delimiter included, closes the
  /// stream, with Errc::unsatisfiable_read.
  std::size_t max_bytes = std::string_view::npos;
  /// After this time the read throws Errc::timed_out, and the stream is as before.
  std::optional<Delay> timeout = {};
};

namespace detail {
inline constexpr ReadOptions usual_read;
}

struct FinishLimits {
  Delay in_all = std::chrono::seconds(30);
  Delay without_a_byte = std::chrono::seconds(5);
};

/// A connection that is read and written by tasks or by callbacks. It owns its
/// descriptor, and closes it with the object. A stream belongs to the thread of its
/// loop.
///
/// A task awaits an operation: `co_await stream.read_until("\n")`. The callback form
/// begins it at once: `stream.read_until("\n").call(f)`. The loop calls
/// `f(Result<std::string>)` at the end of a turn, once, and never within call(). The
/// results of one turn come in their order. `f` may close, move and destroy the stream.
/// An exception of `f` goes to the loop's exception policy. A stream that is destroyed,
/// and a loop that closes, destroy `f` without calling it. `f` may own its stream until
/// then. call() throws what is no result: Errc::wrong_thread, Errc::loop_closed, and
/// std::errc::operation_in_progress for a second read. Neither form allocates memory
/// for a message once the thread has run some.
///
/// One read at a time; writes may follow each other without a wait. Destroying or
/// cancelling a task in the middle of an operation loses no byte: what was not returned
/// is there for the next read, and what was written is sent. A stream may be closed,
/// moved and destroyed at any time, also while tasks wait for it: their operations
/// throw StreamClosedError.
///
/// All data that has arrived is read before the end of input or an error is told. Then
/// every operation that cannot be done throws StreamClosedError, with the first error
/// of the stream. The buffered rest still satisfies reads that need no more.
///
/// Errors: Errc::wrong_thread and Errc::loop_closed as of IOLoop, and
/// std::errc::operation_in_progress for a second read, which the read itself throws.
class TORNADO_API IOStream {
 public:
  /// Takes a socket, connected or not, for the current loop or for `loop`.
  explicit IOStream(UniqueFd socket, const StreamOptions& options = {});
  IOStream(UniqueFd socket, IOLoop& loop, const StreamOptions& options = {});
  IOStream(IOStream&&) noexcept;
  IOStream& operator=(IOStream&&) noexcept;
  /// As close(). On another thread while the loop runs, the loop closes it in its next
  /// turn.
  ~IOStream();

  /// Connects the socket. Writes before it is connected are kept. After an error, a
  /// timeout or a cancellation the stream is closed.
  [[nodiscard]] detail::ConnectWait connect(const SocketAddress& address,
                                            std::optional<Delay> timeout = {});

  /// @name Reading
  /// Each gives bytes in the order in which they arrived. A view is valid until the
  /// next operation on the stream. With a close callback, it is valid only until the
  /// task waits.
  /// @{
  /// Up to and with `delimiter`, which is not empty.
  [[nodiscard]] detail::StringRead read_until(
      std::string_view delimiter, const ReadOptions& options = detail::usual_read) {
    return {core_, delimiter, options.max_bytes, options.timeout};
  }
  [[nodiscard]] detail::ViewRead read_until_view(
      std::string_view delimiter, const ReadOptions& options = detail::usual_read) {
    return {core_, delimiter, options.max_bytes, options.timeout};
  }
  /// As many bytes as `matcher` says of the bytes that are there, or more bytes if it
  /// says npos. It is asked again each time more have arrived. The read throws what it
  /// throws. It must not use the stream.
  [[nodiscard]] detail::StringRead read_until_match(
      detail::ReadMatcher matcher, const ReadOptions& options = detail::usual_read);
  /// Exactly `count` bytes.
  [[nodiscard]] detail::StringRead read_bytes(
      std::size_t count, const std::optional<Delay>& timeout = detail::no_timeout);
  /// What is there, one byte at least and `most` at most.
  [[nodiscard]] detail::StringRead read_some(
      std::size_t most = 64 << 10,
      const std::optional<Delay>& timeout = detail::no_timeout);
  [[nodiscard]] detail::ViewRead read_some_view(
      std::size_t most = 64 << 10,
      const std::optional<Delay>& timeout = detail::no_timeout);
  /// Fills `room`. The bytes are written into it when the task goes on.
  [[nodiscard]] detail::IntoRead read_into(
      std::span<char> room, const std::optional<Delay>& timeout = detail::no_timeout);
  /// Everything until the end of input. Throws after a connection that broke off; what
  /// had arrived can still be read then.
  [[nodiscard]] detail::StringRead read_until_close(
      const std::optional<Delay>& timeout = detail::no_timeout);
  /// @}

  /// @name Writing
  /// @{
  /// Takes the bytes at once, also if the result is not awaited. They leave together
  /// with other writes of the turn, large ones at once. To await it is to wait for
  /// room: until at most StreamOptions::write_room bytes are unsent. Throws
  /// StreamClosedError or StreamBufferFullError, and has taken nothing then. After a
  /// timeout the stream is closed.
  detail::SentWait write(std::string_view bytes,
                         const std::optional<Delay>& timeout = detail::no_timeout);
  /// Waits until the kernel has everything that was written.
  [[nodiscard]] detail::SentWait flush(
      const std::optional<Delay>& timeout = detail::no_timeout);
  /// Sends what was written, also while it waits, and then the end of output. Reading
  /// goes on. A POSIX pipe is closed instead.
  [[nodiscard]] Task<void> shutdown_write();
  /// The safe end of a conversation: sends what was written and the end of output,
  /// discards input until its end, and closes. close() with unread input makes the
  /// kernel reset the connection. The peer could then lose the end of the answer.
  [[nodiscard]] Task<void> finish(FinishLimits limits = {});
  /// @}

  /// Waiting operations throw, unless the buffer satisfies them. Without an error the
  /// loop still sends what was written, as finish() does, and then closes the
  /// descriptor. If that fails, or the loop closes first, a TCP connection is reset.
  /// Its peer cannot take a part for the whole. Other kinds have no reset: flush first.
  /// `error` is what error() gives then, unless there was one. Twice: no effect.
  void close(std::error_code error = {}) noexcept;
  /// Closes at once, and drops what is unsent. The peer of a TCP connection is told of
  /// a reset: it cannot take the end for a clean one.
  void abort(std::error_code error = {}) noexcept;
  /// Called by the loop, once, when the stream has closed, for whatever reason. While a
  /// callback is set an idle stream notices that the peer has closed. Replaces the one
  /// before; null removes it.
  void set_close_callback(Callback callback);
  /// Whether the descriptor is closed, or will be when all is sent.
  [[nodiscard]] bool closed() const noexcept;
  [[nodiscard]] bool reading() const noexcept;
  /// Whether bytes wait to be sent.
  [[nodiscard]] bool writing() const noexcept;
  /// The first error of the stream.
  [[nodiscard]] std::error_code error() const noexcept;
  /// invalid_fd once it is closed. The descriptor stays the stream's.
  [[nodiscard]] NativeFd fileno() const noexcept;
  /// No effect on what is no TCP connection.
  void set_nodelay(bool on) noexcept;

 protected:
  explicit IOStream(detail::StreamPtr core) noexcept;
  IOStream(UniqueFd socket, IOLoop& loop, const StreamOptions& options,
           std::shared_ptr<StreamTransport> transport);
  /// The bytes go through `filter` from now on. What was read before is its input.
  /// std::errc::operation_in_progress while a task reads, bytes are unsent, or another
  /// filter is set.
  void set_filter(std::shared_ptr<StreamFilter> filter);
  /// Waits until the handshake of the filter has ended.
  [[nodiscard]] detail::ConnectWait wait_for_handshake(std::optional<Delay> timeout);
  [[nodiscard]] const detail::StreamPtr& core() const noexcept { return core_; }

 private:
  friend class TCPServer;

  detail::StreamPtr core_;  // null once it is moved from
};

/// One end of a pipe.
class TORNADO_API PipeIOStream : public IOStream {
 public:
  explicit PipeIOStream(UniqueFd pipe, const StreamOptions& options = {});
  PipeIOStream(UniqueFd pipe, IOLoop& loop, const StreamOptions& options = {});
};

}  // namespace tornado

#pragma pop_macro("fileno")
