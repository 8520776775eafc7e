// SPDX-License-Identifier: Apache-2.0
#include "process/conversation.h"

#include <array>
#include <system_error>

namespace tornado {

void Conversation::start(std::string input, ExitWatch& exit) {
  started_ = true;
  input_ = std::move(input);
  if (input_.empty()) {
    in_end.close();
  } else {
    watch(in_end, Events::write, &Conversation::write_some);
  }
  watch(out_end, Events::read, &Conversation::read_out);
  watch(err_end, Events::read, &Conversation::read_err);
  exit.add_waiter([self = shared_from_this()](ExitStatus status) {
    self->result_.status = status;
    self->ended_ = true;
    self->tell_if_over();
  });
}

void Conversation::set_callback(Subprocess::CommunicateCallback callback) {
  callback_ = std::move(callback);
  tell_if_over();
}

void Conversation::stop() noexcept {
  for (PipeEnd* end : {&in_end, &out_end, &err_end}) close(*end);
  callback_.reset();
}

void Conversation::close(PipeEnd& end) noexcept {
  IOLoop* const loop = loop_.loop();
  if (end.watched && loop) loop->remove_handler(end.fileno());
  end.close();
}

void Conversation::watch(PipeEnd& end, Events events, void (Conversation::*step)()) {
  if (!end.fd) return;
  IOLoop& loop = loop_.open_loop("communicate");
  loop.add_handler(
      end,
      [self = shared_from_this(), step](PipeEnd&, Events) {
        // Removing the handler destroys this lambda.
        const auto alive = self;  // NOLINT(performance-unnecessary-copy-initialization)
        (*alive.*step)();
      },
      events);
  end.watched = true;
}

template <class F>
void Conversation::transfer(PipeEnd& end, F step) {
  Transferred done{Transfer::closed};
  try {
    done = step();
  } catch (const std::system_error&) {
    finish(end);
    throw;
  }
  if (done.what == Transfer::closed) finish(end);
}

void Conversation::write_some() {
  transfer(in_end, [this] {
    const std::span<const char> rest = std::span(input_).subspan(written_);
    Transferred done = write_to_child(in_end.fd.get(), rest);
    written_ += done.size;
    if (written_ == input_.size()) done.what = Transfer::closed;
    return done;
  });
}

void Conversation::read_some(PipeEnd& end, std::string& text) {
  transfer(end, [&end, &text] {
    std::array<char, 65536> bytes;
    const Transferred done = read_from_child(end.fd.get(), bytes);
    text.append(bytes.data(), done.size);
    return done;
  });
}

void Conversation::finish(PipeEnd& end) {
  close(end);
  tell_if_over();
}

bool Conversation::over() const noexcept {
  return ended_ && !in_end.fd && !out_end.fd && !err_end.fd;
}

void Conversation::tell_if_over() {
  if (!over() || !callback_) return;
  loop_.add_callback([self = shared_from_this()] {
    if (auto callback = std::exchange(self->callback_, {})) {
      callback(std::exchange(self->result_, {{}, {}, self->result_.status}));
    }
  });
}

}  // namespace tornado
