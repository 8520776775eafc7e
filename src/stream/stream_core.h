// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
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

class StreamCore;

/// What a stream has while bytes wait to be sent.
class StreamOutput final : public TurnEnd {
 public:
  explicit StreamOutput(StreamCore& stream) noexcept : core(stream) {}
  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* output, std::size_t size) noexcept {
    free_frame(output, size);
  }

  void on_turn_end() noexcept override;
  [[nodiscard]] bool is_over() const noexcept { return queue.size() == 0 && !linked(); }

  StreamCore& core;
  WriteQueue queue;
  std::uint32_t gathering_since = 0;  // in milliseconds
};

/// What most streams do not have.
struct StreamExtras {
  struct Attempt {
    SocketAddress peer;
    // When the peer has no room for it now. Within a handshake: its deadline.
    TimeoutHandle again;
  };
  struct Limits {
    std::size_t max_buffer_size = StreamOptions().max_buffer_size;
    std::size_t max_write_buffer_size = StreamOptions().max_write_buffer_size;
    std::size_t write_room = StreamOptions().write_room;
    friend bool operator==(const Limits&, const Limits&) noexcept = default;
  };

  Limits limits;
  std::shared_ptr<StreamTransport> transport;  // null: the calls for sockets
  std::unique_ptr<Attempt> attempt;
  Callback on_close;
  StreamPtr rest;
};

/// The end of a read that is no short delimiter, with the bytes of a long one behind
/// it; and what a matcher threw, or the want of memory.
struct ReadEnd {
  std::size_t size = 0;
  ReadMatcher matcher;
  std::exception_ptr failure;

  [[nodiscard]] std::string_view delimiter() const noexcept {
    return {reinterpret_cast<const char*>(this + 1), size};
  }
};

std::string_view ReadWait::delimiter() const noexcept {
  if (has_end_) return end_->delimiter();
  return {delimiter_.bytes.data(), delimiter_.size};
}

/// A stream's descriptor, its buffers, and the operations that wait for them. Of its
/// user's code it runs matchers alone: waits go on in the loop's next step, and
/// callbacks are posted. So it is not destroyed in the middle of its own work.
class StreamCore final : public StreamLife {
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
  TaskScheduler& check(const char* act) const {
    if (!here_as_before()) check_all(act);
    return TaskScheduler::of(*loop_.mailbox_->owner());
  }
  /// The same for a task that waits, which has to be of the loop. Not after end().
  void check(const StreamWait& wait) const;
  /// The stream of `wait`, checked. Throws StreamClosedError if it is gone.
  static StreamCore& of(const StreamWait& wait);

  void connect(const SocketAddress& address);
  /// Whether the wait is over.
  bool try_connect(ConnectWait& wait) noexcept;
  void start_read(ReadWait& wait);
  bool try_read(ReadWait& wait);
  void end_read(const ReadWait& wait) noexcept {
    if (reader_ == &wait) reader_ = nullptr;
  }
  void take(ReadWait& wait) noexcept {
    const std::string_view there = in_.view();
    take_first(wait, there, (std::min)(wait.count_, there.size()));
    if (discards_ || (tells_close_ && in_.size() == 0)) update_interest_or_close();
  }
  void release_memory() noexcept {
    if (in_.size() == 0) in_.settle();
  }
  /// Whether the bytes have joined others that leave together, and have room. What the
  /// first of them found of the stream and its loop still holds.
  bool gather(std::string_view bytes) noexcept {
    if (bytes.size() >= gather_room_ || !here_as_before()) return false;
    output_->queue.append_in_place(std::as_bytes(std::span(bytes)));
    gather_room_ -= static_cast<std::uint32_t>(bytes.size());
    written_ += bytes.size();
    return true;
  }
  /// The same for a read whose bytes were received before.
  bool take_at_once(ReadWait& wait) noexcept;
  /// Throws StreamClosedError, or StreamBufferFullError.
  void send(std::string_view bytes);
  /// How many bytes are sent once those that were written last have room.
  [[nodiscard]] std::uint64_t target_of_room() const noexcept {
    const std::size_t room = limits().write_room;
    return written_ > room ? written_ - room : 0;
  }
  [[nodiscard]] bool has_sent(std::uint64_t target) const noexcept {
    return sent_ > target || (sent_ == target && !held());
  }
  bool try_sent(SentWait& wait) noexcept;
  /// No write may follow. What is still to be sent then is the filter's.
  void end_filter_output() noexcept;
  std::error_code stop_sending() noexcept;
  /// Whether what arrives without a reader is dropped from now on.
  void discard_input(bool on) noexcept {
    discards_ = on;
    update_interest_or_close();
  }
  void close(std::error_code error = {}) noexcept;
  void abort(std::error_code error) noexcept;
  /// What still sends the bytes of this closed stream. Null: they are sent, or lost.
  [[nodiscard]] StreamPtr rest() const noexcept {
    return extras_ ? extras_->rest : StreamPtr();
  }

  /// From now on the bytes go through `filter`. What was read before is its input.
  void set_filter(std::shared_ptr<StreamFilter> filter);

  // For waits.
  void add(QueuedWait& wait) noexcept {
    wait.tied_ = true;
    wait.reads_before_ = reads_;
    wait.link_behind(waits_);
  }
  /// The result of the wait is there.
  using Resume = void (StreamWait::*)() noexcept;
  void complete(StreamWait& wait, Resume resume = &StreamWait::resume) noexcept;
  /// The wait is watched for from now on.
  void watch();
  void forget(const StreamWait& wait) noexcept;
  void stop_timer(TimeoutHandle& timer) noexcept {
    if (timer) remove_timer(std::exchange(timer, {}));
  }
  void on_timeout(StreamWait& wait) noexcept;

  void set_close_callback(Callback callback);
  [[nodiscard]] NativeFd fileno() const noexcept { return fd_.get(); }
  [[nodiscard]] bool closed() const noexcept { return !fd_ || closing_; }
  [[nodiscard]] bool reading() const noexcept { return reader_ != nullptr; }
  [[nodiscard]] bool writing() const noexcept { return sent_ < written_ || held(); }
  [[nodiscard]] bool connecting() const noexcept {
    return connecting_ || (filtered_ && !filter().started);
  }
  [[nodiscard]] std::uint64_t written() const noexcept { return written_; }
  [[nodiscard]] std::error_code error() const noexcept { return error_; }

 private:
  friend class StreamOutput;
  static void end(StreamWait& wait) noexcept;
  void check_all(const char* act) const;
  [[noreturn]] void refuse(StreamAct act) const;
  [[nodiscard]] bool made_here() const noexcept {
    const auto* const mark = fork_mark.load(std::memory_order_acquire);
    return mark && in_short(mark->load(std::memory_order_acquire)) == epoch_;
  }
  /// Whether this is a forked child's copy: the socket is its parent's.
  [[nodiscard]] bool forked() const noexcept {
    return epoch_ != in_short(fork_epoch());
  }
  /// Epochs are counted from 1, and 0 is that of a child that has not asked yet.
  static std::uint32_t in_short(std::uint64_t epoch) noexcept {
    return static_cast<std::uint32_t>(epoch);
  }
  [[nodiscard]] bool here_as_before() const noexcept {
    return made_here() && loop_.mailbox_->runs_here();
  }
  [[nodiscard]] bool runs(const TaskFrame& task) const noexcept {
    return &task.scope->scheduler()->loop() == loop_.mailbox_->owner();
  }
  void on_turn_end() noexcept;
  [[nodiscard]] bool task_goes_on() const noexcept;
  void on_events(Events events) noexcept;
  void on_readable();
  void finish_connect() noexcept;
  void connected() noexcept;
  void start_handshake() noexcept;
  void begin_handshake();
  void continue_handshake() noexcept;
  /// The filter has taken bytes that are not sent yet.
  [[nodiscard]] bool held() const noexcept {
    return filtered_ && has(filter().wants(), Events::write);
  }
  [[nodiscard]] bool unsent() const noexcept { return queued() > 0 || held(); }
  [[nodiscard]] std::size_t queued() const noexcept {
    return output_ ? output_->queue.size() : 0;
  }
  StreamOutput& output() {
    if (!output_) output_ = std::make_unique<StreamOutput>(*this);
    return *output_;
  }
  void settle_output() noexcept {
    if (output_ && output_->is_over()) output_.reset();
  }
  StreamExtras& extras();
  [[nodiscard]] const StreamExtras::Limits& limits() const noexcept {
    return extras_ ? extras_->limits : usual_limits;
  }
  [[nodiscard]] StreamFilter& filter() const noexcept {
    return static_cast<StreamFilter&>(*extras_->transport);
  }
  /// Null: the calls for sockets.
  [[nodiscard]] StreamTransport* transport() const noexcept {
    return extras_ ? extras_->transport.get() : nullptr;
  }
  [[nodiscard]] std::shared_ptr<StreamTransport> shared_transport() const noexcept {
    return extras_ ? extras_->transport : nullptr;
  }
  void end_attempt() noexcept;
  void read_on_later();
  void retry_connect() noexcept;
  void connect_later() noexcept;
  Moved read(std::span<std::byte> room) noexcept {
    if (StreamTransport* const other = transport()) return other->read(fileno(), room);
    return receive_bytes(fileno(), room);
  }
  Moved write(std::span<const Bytes> pieces) noexcept {
    if (StreamTransport* const other = transport()) {
      return other->write(fileno(), pieces);
    }
    return send_pieces(fileno(), pieces);
  }
  bool receive_for(ReadWait& wait);
  /// One read of the descriptor. False if there is nothing now.
  bool receive();
  void discard();
  bool grant(ReadWait& wait);
  bool grant_until(ReadWait& wait, std::size_t end);
  [[nodiscard]] std::size_t find_end(ReadWait& wait);
  static std::size_t count_at_once(const ReadWait& wait,
                                   std::string_view there) noexcept;
  void take_first(ReadWait& wait, std::string_view there, std::size_t count) noexcept {
    if (wait.has_end_) wait.free_end();
    wait.taken_ = there.data();
    wait.count_ = count;
    wait.state_ =
        there.size() > count ? StreamWait::State::taken : StreamWait::State::all_taken;
    in_.consume(count);
  }
  void end_input(std::error_code error) noexcept;
  /// Whether a read is told of the end: what was written is sent first, since the task
  /// of the read may end, and the stream with it.
  [[nodiscard]] bool tells_end() const noexcept {
    return !fd_ || (input_ended_ && !closing_);
  }
  void end_output(std::error_code error) noexcept;
  void send_queued() noexcept {
    send_what_fits();
    if (!connecting_) update_interest_or_close();
  }
  void send_what_fits() noexcept;
  std::size_t send_some() noexcept;
  std::size_t send_now(std::span<const Bytes> pieces) noexcept;
  std::size_t send_with_queued(Bytes bytes) noexcept;
  void queue(Bytes bytes, bool half_sent);
  void leave_together(TaskScheduler& tasks) noexcept;
  void drop_queued() noexcept {
    if (output_) output_->queue.clear();
    gather_room_ = 0;
  }
  void settle_waits() noexcept;
  void settle(StreamWait& wait) noexcept;
  void go_on(StreamWait& wait, Resume resume = &StreamWait::resume) noexcept;
  void note(std::error_code error) noexcept;
  /// What ends the output of a filter is sent first.
  void close_once_sent() noexcept;
  void end_whole_output() noexcept;
  void close_descriptor() noexcept;
  /// Passes the descriptor with what is unsent to a core of the loop.
  bool leave_rest() noexcept;
  void reset_at_close() noexcept;
  void update_interest() {
    if (!listens_as_usual()) change_interest();
  }
  void change_interest();
  /// Most streams, most of the time: nothing is to be changed.
  [[nodiscard]] bool listens_as_usual() const noexcept {
    return interest_ == Events::read && !full_ && !filtered_ && !connecting_ &&
           !input_ended_ && !tells_close_ && !discards_;
  }
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
  void remove_timer(TimeoutHandle timer) noexcept;

  static constexpr StreamExtras::Limits usual_limits{};

  UniqueFd fd_;
  LoopHandle loop_;
  std::unique_ptr<StreamExtras> extras_;
  std::unique_ptr<StreamOutput> output_;
  ReadBuffer in_;
  List<QueuedWait> waits_;  // in the order in which they began
  ReadWait* reader_ = nullptr;
  std::error_code error_;
  std::uint64_t written_ = 0;
  std::uint64_t sent_ = 0;
  const std::uint32_t epoch_ = in_short(fork_epoch());
  std::uint32_t gather_room_ = 0;  // of gather(), while bytes wait to leave
  std::uint16_t reads_ = 0;        // that have begun to wait
  Events interest_ = Events::none;
  const bool half_open_ : 1;
  bool filtered_ : 1 = false;    // the transport is a filter
  bool connecting_ : 1 = false;  // or in a handshake: the extras have an attempt
  bool registered_ : 1 = false;
  bool full_ : 1 = false;     // the kernel takes no more
  bool drained_ : 1 = false;  // the kernel had no more: an event tells of the next
  bool input_ended_ : 1 = false;
  bool last_written_ : 1 = false;
  bool output_ended_ : 1 = false;
  bool closing_ : 1 = false;  // when all is sent
  bool is_rest_ : 1 = false;
  bool tells_close_ : 1 = false;
  bool discards_ : 1 = false;
  bool ended_ : 1 = false;  // the IOStream is gone
};

inline void StreamOutput::on_turn_end() noexcept {
  core.on_turn_end();
}

/// Sends what was written and the end of output, within the limits, and closes.
Task<void> finish(StreamPtr core, FinishLimits limits);

/// Ends the stream that it owns.
struct StreamOwner : StreamPtr {
  explicit StreamOwner(StreamPtr stream) noexcept : StreamPtr(std::move(stream)) {}
  StreamOwner(StreamOwner&&) noexcept = default;
  ~StreamOwner() {
    if (StreamCore* const core = get()) core->end();
  }
};

inline StreamCore* StreamPtr::get() const noexcept {
  return static_cast<StreamCore*>(life_);
}
inline StreamCore& StreamPtr::operator*() const noexcept {
  return *get();
}
inline StreamCore* StreamPtr::operator->() const noexcept {
  return get();
}

}  // namespace detail
}  // namespace tornado
