// SPDX-License-Identifier: Apache-2.0
#include "stream/conversation.h"

#include <string_view>
#include <system_error>
#include <utility>

#include "platform/system_error.h"

namespace tornado {
namespace {

constexpr std::size_t part_size = 64 << 10;

/// Whether a stream ended because its other end is closed. The pumps of Windows tell it
/// by a reset.
bool is_end(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const StreamClosedError& error) {
    const std::error_code& why = error.real_error();
    return !why || why == std::errc::broken_pipe ||
           why == std::errc::connection_reset || why == std::errc::connection_aborted;
  } catch (...) {
    return false;
  }
}

}  // namespace

// Refuses before it has begun, so that another call may begin it.
void Conversation::start(std::string input, ExitWatch& exit, Delay after_exit) {
  if ((out && out->reading()) || (err && err->reading())) {
    throw_error(std::make_error_code(std::errc::operation_in_progress), "communicate");
  }
  input_ = std::move(input);
  if (in) write_some();
  started_ = true;
  if (out) read_some(out, result_.out);
  if (err) read_some(err, result_.err);
  exit.add_waiter([self = shared_from_this(), after_exit](ExitStatus status) {
    self->on_exit(status, after_exit);
  });
}

int Conversation::set_taker(Taker taker) {
  taker_ = std::move(taker);
  tell_if_over();
  return ++takers_;
}

void Conversation::drop_taker(int number) noexcept {
  if (number == takers_) taker_.reset();
}

void Conversation::stop() noexcept {
  alarm_.reset();
  if (in) in->abort();  // the child gets no more of the input
  for (Stream* stream : {&in, &out, &err}) stream->reset();
  taker_.reset();
}

// A part at a time, so that a large input is not copied whole.
void Conversation::write_some() {
  if (in->closed()) return finish(in);
  const std::string_view rest = std::string_view(input_).substr(written_);
  const std::string_view part = rest.substr(0, part_size);
  in->write(part);
  written_ += part.size();
  in->flush().call([self = shared_from_this()](Result<void> sent) {
    if (sent && self->written_ < self->input_.size()) return self->write_some();
    self->finish(self->in);
    if (!sent && !is_end(sent.exception())) sent.get();
  });
}

void Conversation::read_some(Stream& from, std::string& text) {
  from->read_some_view().call(
      [self = shared_from_this(), &from, &text](Result<std::string_view> got) {
        if (!got) {
          self->finish(from);
          if (!is_end(got.exception())) got.get();
          return;
        }
        try {
          text.append(got.get());
          self->read_some(from, text);
        } catch (...) {
          self->finish(from);
          throw;
        }
      });
}

void Conversation::finish(Stream& stream) {
  stream.reset();
  tell_if_over();
}

void Conversation::on_exit(ExitStatus status, Delay after_exit) {
  result_.status = status;
  ended_ = true;
  tell_if_over();
  if (over()) return;
  IOLoop& loop = loop_.open_loop("communicate");
  alarm_ = Timeout(loop, after_exit, [self = shared_from_this()] { self->cut_off(); });
}

// A process that the child has left behind holds a pipe open.
void Conversation::cut_off() {
  result_.cut_off = out || err;
  for (Stream* stream : {&in, &out, &err}) stream->reset();
  tell_if_over();
}

bool Conversation::over() const noexcept {
  return ended_ && !in && !out && !err;
}

void Conversation::tell_if_over() {
  if (!over() || !taker_) return;
  alarm_.reset();
  loop_.add_callback([self = shared_from_this()] {
    Taker taker = std::exchange(self->taker_, {});
    if (taker && taker(self->result_)) {
      self->result_ = {.status = self->result_.status};
    }
  });
}

}  // namespace tornado
