// SPDX-License-Identifier: Apache-2.0
// A program of operations, played on two streams of one loop.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "fuzz/played_stream.h"
#include "fuzz/stream_model.h"
#include "tornado/cancelled.h"
#include "tornado/task_group.h"

namespace tornado::fuzz {
namespace {

using std::chrono::seconds;

class Played {
 public:
  explicit Played(const StreamProgram& program)
      : program_(program), loop_(loop_of(program.poller)), model_(program) {
    FdPair fds = open_link(program.link);
    ends_[0].stream.emplace(std::move(fds.first), loop_, program, 0);
    ends_[1].stream.emplace(std::move(fds.second), loop_, program, 1);
    if (is_tls(program.link)) connect();
  }
  Played(const Played&) = delete;
  Played& operator=(const Played&) = delete;

  std::size_t play() {
    for (at_ = 0; at_ < program_.ops.size(); ++at_) {
      begin(program_.ops[at_]);
      if (!program_.ops[at_].at_once) settle();
    }
    settle();
    const std::size_t begun = begun_;
    play_to_the_end();
    return begun;
  }

 private:
  struct End {
    std::optional<PlayedStream> stream;
    std::deque<TaskGroup> groups;  // the last is not cancelled
    int reading = 0;
    int callbacks = 0;  // that were set for the close
    int told = 0;       // calls of the last
  };
  /// An operation that has not ended.
  struct Pending : detail::ListLink<Pending> {
    Pending(Played& played, const StreamOp& o) : op(o) { link_behind(played.pending_); }
    const StreamOp& op;
  };

  void expect(bool right, const char* what) const {
    if (right) return;
    std::fprintf(stderr, "%sat operation %zu: %s\n", to_text(program_).c_str(), at_,
                 what);
    for (const End& end : ends_) {
      const bool open = end.stream && !end.stream->closed();
      const std::error_code why = end.stream ? end.stream->error() : std::error_code();
      std::fprintf(stderr, "%s: %s\n", open ? "open" : "closed", why.message().c_str());
    }
    for (auto* link = pending_.next; link != &pending_; link = link->next) {
      const StreamOp& op = static_cast<const Pending&>(*link).op;
      std::fprintf(stderr, "%s%s",
                   model_.due(op) ? "due:   " : "waits: ", to_text(op).c_str());
    }
    std::abort();
  }
  void expect(StreamModel::Judgement wrong) const { expect(!wrong, wrong); }
  // An end that has closed may be the cause that the other one has.
  void observe() {
    StreamModel::Judgement wrong = nullptr;
    for (const int end : {0, 1, 0}) {
      if (!ends_[end].stream) continue;
      wrong = model_.observe(end, *ends_[end].stream);
      if (wrong && end == 1) break;
    }
    expect(wrong);
  }

  void start(const StreamOp& op) {
    std::deque<TaskGroup>& groups = ends_[op.end].groups;
    if (groups.empty() || groups.back().cancelled()) groups.emplace_back(loop_);
    if (is_read(op.kind)) {
      groups.back().start(read(op));
    } else if (op.kind == StreamOp::write || op.kind == StreamOp::write_and_wait) {
      groups.back().start(write(op));
    } else {
      groups.back().start(wait(op));
    }
  }
  void connect();
  static Task<void> shake_hands(PlayedStream& stream);
  void begin(const StreamOp& op);
  void close(const StreamOp& op);
  void set_close_callback(End& end);
  Task<std::string> take(const StreamOp& op);
  Task<void> read(const StreamOp& op);
  void judge_read(const StreamOp& op, int others, std::string_view got,
                  std::exception_ptr failure);
  Task<void> write(const StreamOp& op);
  Task<void> wait(const StreamOp& op);
  void judge_wait(const StreamOp& op, std::exception_ptr failure);
  void turn();
  void settle();
  [[nodiscard]] bool something_is_due() const;
  void play_to_the_end();

  const StreamProgram& program_;
  IOLoop& loop_;
  StreamModel model_;
  detail::List<Pending> pending_;
  TaskGroup handshakes_{loop_};
  End ends_[2];
  std::size_t at_ = 0;
  std::size_t begun_ = 0;  // operations
  bool ending_ = false;
};

Task<void> Played::shake_hands(PlayedStream& stream) {
  try {
    co_await stream.wait_for_handshake({});
  } catch (const StreamClosedError&) {
  }
}

void Played::connect() {
  for (End& end : ends_) handshakes_.start(shake_hands(*end.stream));
  turn();
  while (!program_.in_handshake && handshakes_.size() > 0) turn();
}

void Played::begin(const StreamOp& op) {
  End& end = ends_[op.end];
  if (!end.stream) return;
  ++begun_;
  observe();
  switch (op.kind) {
    case StreamOp::turn:
      return;
    case StreamOp::cancel:
      if (!end.stream->connected()) model_.may_break_off(op.end);
      if (!end.groups.empty()) end.groups.back().cancel();
      return;
    case StreamOp::move: {
      PlayedStream other(std::move(*end.stream));
      *end.stream = std::move(other);
      return;
    }
    case StreamOp::set_close_callback:
      return set_close_callback(end);
    case StreamOp::close:
    case StreamOp::close_with_error:
    case StreamOp::destroy:
      return close(op);
    default:
      start(op);
  }
}

void Played::set_close_callback(End& end) {
  end.told = 0;
  end.stream->set_close_callback([&end, number = ++end.callbacks] {
    if (number == end.callbacks) ++end.told;
  });
}

void Played::close(const StreamOp& op) {
  End& end = ends_[op.end];
  const auto why = op.kind == StreamOp::close_with_error
                       ? std::make_error_code(std::errc::timed_out)
                       : std::error_code();
  // What waits for the handshake is not sent.
  const bool connected = end.stream->connected();
  const bool drops = (why || !connected) && end.stream->writing();
  if (op.kind == StreamOp::destroy) {
    end.stream.reset();
  } else {
    end.stream->close(why);
    expect(end.stream->closed(), "it is not closed after close()");
  }
  model_.closed(
      op.end, connected ? why : std::make_error_code(std::errc::not_connected), drops);
}

Task<std::string> Played::take(const StreamOp& op) {
  const auto timeout = op.in_no_time ? std::optional<Delay>(seconds(0)) : std::nullopt;
  const ReadOptions options{op.max_bytes, timeout};
  IOStream& stream = *ends_[op.end].stream;
  switch (op.kind) {
    case StreamOp::read_bytes:
      co_return co_await stream.read_bytes(op.size, timeout);
    case StreamOp::read_some:
      co_return co_await stream.read_some(op.size, timeout);
    case StreamOp::read_some_view: {
      const std::string_view got = co_await stream.read_some_view(op.size, timeout);
      co_return std::string(got);
    }
    case StreamOp::read_into: {
      std::string got(op.size, '\0');
      const std::size_t count = co_await stream.read_into(got, timeout);
      co_return got.substr(0, count);
    }
    case StreamOp::read_until:
      co_return co_await stream.read_until(std::string(op.delimiter), options);
    case StreamOp::read_until_view: {
      auto read = stream.read_until_view(std::string(op.delimiter), options);
      const std::string_view got = co_await read;
      co_return std::string(got);
    }
    case StreamOp::read_until_match: {
      detail::ReadMatcher matcher = [&op](std::string_view there) {
        const std::size_t found = there.find(op.delimiter);
        return found == npos ? found : found + op.delimiter.size();
      };
      co_return co_await stream.read_until_match(std::move(matcher), options);
    }
    default:
      co_return co_await stream.read_until_close(timeout);
  }
}

Task<void> Played::read(const StreamOp& op) {
  End& end = ends_[op.end];
  if (!end.stream) co_return;
  const Pending pending(*this, op);
  const int others = end.reading++;
  std::string got;
  std::exception_ptr failure;
  try {
    got = co_await take(op);
  } catch (...) {
    failure = std::current_exception();
  }
  --end.reading;
  judge_read(op, others, got, failure);
}

void Played::judge_read(const StreamOp& op, int others, std::string_view got,
                        std::exception_ptr failure) {
  observe();
  if (!failure) return expect(model_.granted(op, got));
  try {
    std::rethrow_exception(failure);
  } catch (const StreamClosedError& error) {
    expect(model_.failed(op, error.real_error()));
    const auto& stream = ends_[op.end].stream;
    expect(!stream || stream->error() == error.real_error(), "two errors are told");
  } catch (const Cancelled&) {
    expect(ends_[op.end].groups.front().cancelled() || ending_, "it was not cancelled");
  } catch (const std::system_error& error) {
    if (error.code() == Errc::timed_out) {
      expect(op.in_no_time, "it had no timeout");
    } else {
      expect(error.code() == std::errc::operation_in_progress, error.what());
      expect(others > 0 || model_.is_finishing(op.end), "no other read is in progress");
    }
  }
}

Task<void> Played::write(const StreamOp& op) {
  End& end = ends_[op.end];
  if (!end.stream) co_return;
  observe();
  const std::string_view bytes = model_.next(op.end, op.size);
  const auto timeout = op.in_no_time ? std::optional<Delay>(seconds(0)) : std::nullopt;
  const Pending pending(*this, op);
  bool taken = false;
  std::exception_ptr failure;
  try {
    if (op.in_no_time) model_.may_time_out(op.end);
    auto room = end.stream->write(bytes, timeout);
    taken = true;
    expect(model_.write_taken(op.end));
    model_.written(op.end, bytes.size());
    if (op.kind == StreamOp::write_and_wait) co_await room;
  } catch (const StreamBufferFullError&) {
    expect(model_.write_too_large(op.end, bytes.size()));
  } catch (const StreamClosedError&) {
    if (!taken) expect(model_.write_refused(op.end));
    failure = std::current_exception();
  } catch (...) {
    failure = std::current_exception();
  }
  if (taken) judge_wait(op, failure);
}

Task<void> Played::wait(const StreamOp& op) {
  End& end = ends_[op.end];
  if (!end.stream) co_return;
  const Pending pending(*this, op);
  const Delay none = seconds(0);
  std::exception_ptr failure;
  try {
    if (op.kind == StreamOp::flush) {
      if (op.in_no_time) model_.may_time_out(op.end);
      co_await end.stream->flush(op.in_no_time ? std::optional<Delay>(none)
                                               : std::nullopt);
    } else if (op.kind == StreamOp::shutdown_write) {
      model_.output_may_end(op.end);
      co_await end.stream->shutdown_write();
      model_.output_ended(op.end);
    } else {
      model_.finishes(op.end);
      co_await end.stream->finish(
          {.without_a_byte = op.in_no_time ? none : seconds(5)});
      expect(!end.stream || end.stream->closed(), "it is open after finish()");
    }
  } catch (...) {
    failure = std::current_exception();
  }
  judge_wait(op, failure);
}

void Played::judge_wait(const StreamOp& op, std::exception_ptr failure) {
  observe();
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const StreamClosedError&) {
    expect(model_.wait_failed(op.end));
  } catch (const Cancelled&) {
  } catch (const std::system_error& error) {
    const bool in_progress = error.code() == std::errc::operation_in_progress;
    if (op.kind == StreamOp::finish && in_progress) return;
    expect(error.code() == Errc::timed_out && op.in_no_time, error.what());
  }
}

void Played::turn() {
  // The loop looks at its descriptors between the two.
  loop_.add_callback([this] { loop_.add_callback([this] { loop_.stop(); }); });
  loop_.start();
  observe();
}

bool Played::something_is_due() const {
  for (auto* link = pending_.next; link != &pending_; link = link->next) {
    if (ending_ || model_.due(static_cast<const Pending&>(*link).op)) return true;
  }
  for (const int end : {0, 1}) {
    const End& self = ends_[end];
    const bool open = self.stream && self.stream->fileno() != invalid_fd;
    if (self.callbacks > 0 && self.told == 0 && (!open || model_.end_is_due(end)))
      return true;
  }
  return false;
}

/// What has to happen happens, however late the kernel is. What must not has a chance.
void Played::settle() {
  turn();
  turn();
  const auto begin = std::chrono::steady_clock::now();
  while (something_is_due()) {
    turn();
    const bool late = std::chrono::steady_clock::now() - begin > seconds(20);
    expect(!late, "an operation does not end");
  }
  for (const End& end : ends_) {
    expect(end.told <= 1, "the close callback was called twice");
    const bool open = end.stream && end.stream->fileno() != invalid_fd;
    expect(!open || end.told == 0, "the close callback was called too early");
  }
}

/// Reads what is left, to the end of both directions.
void Played::play_to_the_end() {
  static constexpr StreamOp last[] = {{.kind = StreamOp::cancel},
                                      {.kind = StreamOp::cancel, .end = 1},
                                      {.kind = StreamOp::shutdown_write},
                                      {.kind = StreamOp::shutdown_write, .end = 1},
                                      {.kind = StreamOp::close, .end = 1}};
  static constexpr StreamOp reads[] = {{.kind = StreamOp::read_until_close},
                                       {.kind = StreamOp::read_until_close, .end = 1}};
  begin(last[0]);
  begin(last[1]);
  settle();
  const bool pipe = program_.link == StreamLink::pipe;
  if (!pipe) begin(last[2]);
  if (!pipe) begin(last[3]);
  begin(reads[0]);
  if (!pipe) begin(reads[1]);
  settle();
  if (pipe) begin(last[4]);
  ending_ = true;
  settle();
  ending_ = false;
  for (End& end : ends_) end.stream.reset();
  turn();
  for (End& end : ends_) {
    expect(end.told == (end.callbacks > 0 ? 1 : 0),
           "the close callback was not called once");
    for (const TaskGroup& group : end.groups)
      expect(group.size() == 0, "tasks are left");
  }
}

}  // namespace

std::size_t play_streams(const StreamProgram& program) {
  return Played(program).play();
}

}  // namespace tornado::fuzz
