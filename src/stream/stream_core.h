// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

#include "coroutine/turn_end.h"
#include "loop/mailbox.h"
#include "net/socket_calls.h"
#include "platform/fork_epoch.h"
#include "stream/read_buffer.h"
#include "stream/stream_transport.h"
#include "stream/write_queue.h"
#include "tornado/iostream.h"

namespace tornado {

namespace detail {

const char* name_of(StreamAct act) noexcept;

/// A stream's descriptor, its buffers, and the operations that wait for them. Of its
/// user's code it runs matchers alone: waits go on in the loop's next step, and
/// callbacks are posted. So it is not destroyed in the middle of its own work.
class StreamCore final : private TurnEnd {
 public:
  StreamCore(UniqueFd fd, IOLoop& loop, std::shared_ptr<StreamTransport> transport,
             const StreamOptions& options);
  ~StreamCore();
  /// The IOStream is gone: closes, and lets every wait throw.
  void end() noexcept;

  [[nodiscard]] LoopHandle& loop() noexcept { return loop_; }
  [[nodiscard]] bool usable_here() const noexcept {
    return loop_.mailbox_->usable_here();
  }
  /// Throws unless this thread may use the stream now.
  TaskScheduler& check(const char* act) const;
  /// The stream of `wait`. The same, and unless a task that waits is of its loop.
  static StreamCore& of(const StreamWait& wait);

  void connect(const SocketAddress& address);
  /// Whether the wait is over.
  bool try_connect(ConnectWait& wait) noexcept;
  void start_read(ReadWait& wait);
  bool try_read(ReadWait& wait);
  void end_read(ReadWait& wait) noexcept {
    if (reader_ == &wait) reader_ = nullptr;
    wait.engaged_ = wait.begun_;
  }
  std::string_view take(std::size_t count) noexcept {
    const std::string_view bytes = in_.view().substr(0, count);
    in_.consume(count);
    if (discards_ || (on_close_ && in_.size() == 0)) update_interest_or_close();
    return bytes;
  }
  void release_memory() noexcept {
    if (in_.size() == 0) in_.settle();
  }
  /// Whether the bytes have joined others that leave together, and have room. What the
  /// first of them found of the stream and its loop still holds.
  bool gather(std::string_view bytes) noexcept {
    if (bytes.size() >= gather_room_ || !here_as_before()) return false;
    out_.append_in_place(std::as_bytes(std::span(bytes)));
    gather_room_ -= static_cast<std::uint32_t>(bytes.size());
    written_ += bytes.size();
    return true;
  }
  /// The same for a read up to one byte, if it is among those that were received.
  bool grant_line(ReadWait& wait) noexcept;
  /// Throws StreamClosedError, or StreamBufferFullError.
  SentWait send(std::string_view bytes, const std::optional<Delay>& timeout);
  bool try_sent(SentWait& wait) noexcept;
  /// No write may follow. What is still to be sent then is the filter's.
  void end_filter_output() noexcept;
  std::error_code stop_sending() noexcept;
  /// From now on drops what arrives without a reader.
  void discard_input() noexcept {
    discards_ = true;
    update_interest_or_close();
  }
  void close(std::error_code error = {}) noexcept;
  void abort(std::error_code error) noexcept;
  /// What still sends the bytes of this closed stream. Null: they are sent, or lost.
  [[nodiscard]] std::shared_ptr<StreamCore> rest() const noexcept {
    return rest_.lock();
  }

  /// From now on the bytes go through `filter`. What was read before is its input.
  void set_filter(std::shared_ptr<StreamFilter> filter);

  // For waits.
  void add(StreamWait& wait) noexcept { wait.link_behind(waits_); }
  /// The result of the wait is there.
  using Resume = void (StreamWait::*)() noexcept;
  void complete(StreamWait& wait, Resume resume = &StreamWait::resume) noexcept;
  /// The wait is watched for from now on.
  void watch();
  void forget(StreamWait& wait) noexcept;
  void on_timeout(StreamWait& wait) noexcept;

  void set_close_callback(Callback callback);
  [[nodiscard]] NativeFd fileno() const noexcept { return fd_.get(); }
  [[nodiscard]] bool closed() const noexcept { return !fd_ || closing_; }
  [[nodiscard]] bool reading() const noexcept { return reader_ != nullptr; }
  [[nodiscard]] bool writing() const noexcept { return sent_ < written_ || held(); }
  [[nodiscard]] bool connecting() const noexcept {
    return connecting_ || (filter_ && !filter_->started);
  }
  [[nodiscard]] std::uint64_t written() const noexcept { return written_; }
  [[nodiscard]] std::error_code error() const noexcept { return error_; }

 private:
  [[noreturn]] void refuse(StreamAct act) const;
  [[nodiscard]] bool made_here() const noexcept {
    const auto* const mark = fork_mark.load(std::memory_order_acquire);
    return mark && mark->load(std::memory_order_acquire) == epoch_;
  }
  /// Whether this is a forked child's copy: the socket is its parent's.
  [[nodiscard]] bool forked() const noexcept { return epoch_ != fork_epoch(); }
  [[nodiscard]] bool here_as_before() const noexcept {
    return made_here() && loop_.mailbox_->runs_here();
  }
  [[nodiscard]] bool runs(const TaskFrame& task) const noexcept {
    return &task.scope->scheduler()->loop() == loop_.mailbox_->owner();
  }
  void on_turn_end() noexcept override;
  [[nodiscard]] bool task_goes_on() const noexcept;
  void on_events(Events events) noexcept;
  void on_readable();
  void finish_connect() noexcept;
  void connected() noexcept;
  void start_handshake() noexcept;
  void begin_handshake();
  void continue_handshake() noexcept;
  /// The filter has taken bytes that are not sent yet.
  [[nodiscard]] bool held() const noexcept;
  [[nodiscard]] bool unsent() const noexcept { return out_.size() > 0 || held(); }
  void read_on_later();
  void retry_connect() noexcept;
  void connect_later() noexcept;
  bool receive_for(ReadWait& wait);
  /// One read of the descriptor. False if there is nothing now.
  bool receive();
  void discard();
  bool grant(ReadWait& wait);
  bool grant_until(ReadWait& wait, std::size_t end);
  [[nodiscard]] std::size_t find_end(ReadEnd& end);
  void end_input(std::error_code error) noexcept;
  /// Whether a read is told of the end: what was written is sent first, since the task
  /// of the read may end, and the stream with it.
  [[nodiscard]] bool tells_end() const noexcept {
    return !fd_ || (input_ended_ && !closing_);
  }
  void end_output(std::error_code error) noexcept;
  void send_queued() noexcept;
  std::size_t send_now(std::span<const Bytes> pieces) noexcept;
  std::size_t send_with_queued(Bytes bytes) noexcept;
  std::uint64_t write(std::string_view bytes);
  void queue(Bytes bytes, bool half_sent);
  void leave_together(TaskScheduler& tasks) noexcept;
  void drop_queued() noexcept {
    out_.clear();
    gather_room_ = 0;
  }
  void settle_waits() noexcept;
  void go_on(StreamWait& wait, Resume resume = &StreamWait::resume) noexcept;
  void note(std::error_code error) noexcept;
  /// What ends the output of a filter is sent first.
  void close_once_sent() noexcept;
  void end_whole_output() noexcept;
  void close_descriptor() noexcept;
  /// Passes the descriptor with what is unsent to a core of the loop.
  bool leave_rest() noexcept;
  void reset_at_close() noexcept;
  void update_interest();
  void update_interest_or_close() noexcept;
  /// What `act` throws closes the stream.
  template <class F>
  void or_close(F act) noexcept {
    try {
      act();
    } catch (const std::bad_alloc&) {
      close(std::make_error_code(std::errc::not_enough_memory));
    } catch (const std::system_error& error) {
      close(error.code());
    }
  }
  void stop_timer(TimeoutHandle& timer) noexcept;

  LoopHandle loop_;
  UniqueFd fd_;
  std::shared_ptr<StreamTransport> transport_;
  StreamFilter* filter_ = nullptr;  // the transport, if it is one
  const std::size_t max_buffer_size_;
  const std::size_t max_write_buffer_size_;
  const std::size_t write_room_;
  ReadBuffer in_;
  WriteQueue out_;
  List<StreamWait> waits_;  // in the order in which they were made
  ReadWait* reader_ = nullptr;
  struct Attempt {
    SocketAddress peer;
    // When the peer has no room for it now. Within a handshake: its deadline.
    TimeoutHandle again;
  };
  std::unique_ptr<Attempt> connecting_;  // null once it has ended
  std::unique_ptr<Callback> on_close_;   // most streams have none
  std::error_code error_;
  std::uint64_t written_ = 0;
  std::uint64_t sent_ = 0;
  std::uint32_t gathering_since_ = 0;  // in milliseconds
  std::uint32_t gather_room_ = 0;      // of gather(), while bytes wait to leave
  std::size_t searched_ = 0;           // in the buffer, without the delimiter
  Events interest_ = Events::none;
  const bool half_open_;
  bool registered_ = false;
  bool full_ = false;     // the kernel takes no more
  bool drained_ = false;  // the kernel had no more: an event tells of the next
  bool input_ended_ = false;
  bool last_written_ = false;
  bool output_ended_ = false;
  bool closing_ = false;  // when all is sent
  bool discards_ = false;
  bool is_rest_ = false;
  const std::uint64_t epoch_ = fork_epoch();
  std::weak_ptr<StreamCore> rest_;
};

/// Sends what was written and the end of output, within the limits, and closes.
Task<void> finish(std::shared_ptr<StreamCore> core, FinishLimits limits);

inline constexpr Delay never = (std::chrono::nanoseconds::max)();

StreamWait::StreamWait(StreamCore& core, StreamAct act,
                       const std::optional<Delay>& timeout) noexcept
    : core_(&core), timeout_(timeout ? *timeout : never), act_(act) {
  core.add(*this);
}

ReadWait::ReadWait(StreamCore& core, StreamAct act, std::size_t most,
                   const std::optional<Delay>& timeout) noexcept
    : StreamWait(core, act, timeout), count_(most) {}

ReadEnd behind(std::string_view delimiter);

ReadWait::ReadWait(StreamCore& core, std::string_view end, std::size_t most,
                   const std::optional<Delay>& timeout)
    : StreamWait(core, StreamAct::read_until, timeout), count_(most) {
  if (end.size() == 1) {
    auto& brief = end_.emplace<ShortDelimiter>();
    brief.bytes[0] = end[0];
    brief.size = 1;
  } else {
    end_ = behind(end);
  }
}

ReadWait::ReadWait(StreamCore& core, std::unique_ptr<ReadMatcher> end, std::size_t most,
                   const std::optional<Delay>& timeout) noexcept
    : StreamWait(core, StreamAct::read_until_match, timeout),
      count_(most),
      end_(std::move(end)) {}

IntoRead::IntoRead(StreamCore& core, std::span<char> room,
                   const std::optional<Delay>& timeout) noexcept
    : ReadWait(core, StreamAct::read_into, room.size(), timeout), into_(room.data()) {}

SentWait::SentWait(StreamCore& core, StreamAct act, std::uint64_t target,
                   const std::optional<Delay>& timeout) noexcept
    : StreamWait(core, act, timeout), target_(target) {}

SentWait::SentWait(StreamCore& core) noexcept
    : SentWait(core, StreamAct::write, 0, {}) {
  state_ = State::granted;
}

ConnectWait::ConnectWait(StreamCore& core, const std::optional<Delay>& timeout,
                         StreamAct act) noexcept
    : StreamWait(core, act, timeout) {}

}  // namespace detail
}  // namespace tornado
