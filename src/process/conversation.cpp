// SPDX-License-Identifier: Apache-2.0
#include "process/conversation.h"

#include <unistd.h>

#include <array>

#include "platform/system_error.h"
#include "process/quiet_write.h"

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
  for (PipeEnd* end : {&in_end, &out_end, &err_end}) {
    // A closed loop has no handlers left, and may be gone.
    if (end->watched && !handle_.closed()) {
      try {
        loop_.remove_handler(*end);
      } catch (const std::system_error&) {  // wrong thread: it keeps a dead number
      }
    }
    end->close();
  }
  callback_.reset();
}

void Conversation::watch(PipeEnd& end, Events events, void (Conversation::*step)()) {
  if (!end.fd) return;
  loop_.add_handler(
      end,
      [self = shared_from_this(), step](PipeEnd&, Events) {
        // Removing the handler destroys this lambda.
        const auto alive = self;  // NOLINT(performance-unnecessary-copy-initialization)
        (*alive.*step)();
      },
      events);
  end.watched = true;
}

void Conversation::write_some() {
  const long n = write_quietly(in_end.fd.get(), input_.data() + written_,
                               input_.size() - written_);
  if (n >= 0) {
    written_ += static_cast<std::size_t>(n);
  } else if (errno == EAGAIN) {
    return;
  } else if (errno != EPIPE) {
    const int error = errno;
    finish(in_end);
    errno = error;
    throw_errno("write to child");
  }
  if (n < 0 || written_ == input_.size()) finish(in_end);
}

void Conversation::read_some(PipeEnd& end, std::string& text) {
  std::array<char, 65536> bytes;
  const long n =
      retry_eintr([&] { return ::read(end.fd.get(), bytes.data(), bytes.size()); });
  if (n > 0) {
    text.append(bytes.data(), static_cast<std::size_t>(n));
  } else if (n == 0) {
    finish(end);
  } else if (errno != EAGAIN) {
    const int error = errno;
    finish(end);
    errno = error;
    throw_errno("read from child");
  }
}

void Conversation::finish(PipeEnd& end) {
  if (end.watched) loop_.remove_handler(end);
  end.close();
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
