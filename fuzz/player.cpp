// SPDX-License-Identifier: Apache-2.0
#include "fuzz/player.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>

namespace tornado::fuzz {
namespace {

using Kind = Op::Kind;

// So few that no buffer is full before fill() has filled it.
constexpr int most_writes = 40;

/// What an operation throws on purpose.
struct Thrown : std::runtime_error {
  Thrown() : std::runtime_error("thrown by a program") {}
};

}  // namespace

void Player::play(Subject& subject, const Program& program) {
  subject_ = &subject;
  // So that few operations do much: two places are left.
  for (const Op& op :
       {Op{Kind::open, 0, 1, {}}, Op{Kind::open, 2, 0, {}}, Op{Kind::open, 4, 1, {}}}) {
    open(op);
  }
  for (const Op& op : program) {
    try {
      run(op);
    } catch (const Thrown&) {
      note("left");
    }
    note("callables " + std::to_string(callables_.use_count() - 1));
  }
  run({Kind::close_loop, 0, 1, {}});
  // Each program ends with every call on a closed loop.
  for (int kind = 0; kind < static_cast<int>(Kind::fork); ++kind) {
    if (kind != static_cast<int>(Kind::leave)) run({static_cast<Kind>(kind), 1, 2, {}});
  }
  note("callables " + std::to_string(callables_.use_count() - 1));
}

void Player::run(const Program& program) {
  for (const Op& op : program) run(op);
}

void Player::run(const Op& op) {
  if (handed_over_) return;
  Subject& s = *subject_;
  switch (op.kind) {
    case Kind::open:
      return open(op);
    case Kind::duplicate:
      return duplicate(op);
    case Kind::close:
    case Kind::close_late:
      return close(op);
    case Kind::write:
    case Kind::fill:
    case Kind::drain:
      return move_bytes(op);
    case Kind::add_handler:
      return add_handler(op);
    case Kind::update_handler:
      return attempt("update", [&] { s.update_handler(op.place, interest_of(op)); });
    case Kind::remove_handler:
      return attempt("remove", [&] { s.remove_handler(op.place); });
    case Kind::add_callback:
      return note(s.add_callback(body_of(op, "callback")) ? "added" : "refused");
    case Kind::spawn_callback:
      return note(s.spawn_callback(body_of(op, "spawned")) ? "added" : "refused");
    case Kind::from_signal:
      return from_signal(op);
    case Kind::call_at:
      return call_at(op);
    case Kind::remove_timeout:
    case Kind::update_timeout:
      return update_timeout(op);
    case Kind::stop:
      return s.stop();
    case Kind::leave:
      throw Thrown();
    case Kind::start:
      return start(op);
    case Kind::policy:
      return attempt("policy", [&] {
        s.set_policy(static_cast<Subject::Policy>(op.value % 3),
                     [this] { note("exception handler"); });
      });
    case Kind::close_loop:
      return close_loop(op);
    case Kind::fork:  // slow, and so one in eight
      return op.place == 0 ? fork() : void();
  }
}

template <class F>
void Player::attempt(const char* act, F f) {
  try {
    f();
  } catch (const std::system_error& error) {
    note(std::string(act) + ": " + error.code().message());
  }
}

Subject::Call Player::body_of(const Op& op, const char* what) {
  const std::string name = std::string(what) + " " + std::to_string(++added_);
  return [this, &op, name, share = callables_, guard = guard()] {
    note(name);
    run(op.body);
  };
}

// The order in which a loop destroys is not promised, so that nothing is heard of this
// but what breaks a promise.
void Player::call_all_when_closed() {
  if (fork_ != Fork::real || handed_over_ || !subject_->closed()) return;
  Subject& s = *subject_;
  const auto expect = [this](const char* act, bool kept) {
    if (!kept) note(std::string("in a destructor: ") + act);
  };
  const auto refused = [](auto call) {
    try {
      call();
    } catch (const std::system_error& error) {
      return error.code() == Errc::loop_closed;
    }
    return false;
  };
  for (std::size_t place = 0; place < places; ++place) {
    // An open one would be taken from close(true).
    if (!s.is_open(place)) s.remove_handler(place);
  }
  for (const std::size_t timeout : timeouts_) {
    expect("update_timeout", !s.update_timeout(timeout, far_));
    (void)s.remove_timeout(timeout);
    expect("remove_timeout", !s.remove_timeout(timeout));
  }
  s.stop();
  s.close_loop(false);
  expect("add_callback", !s.add_callback([] {}));
  expect("spawn_callback", !s.spawn_callback([] {}));
  expect("call_at", refused([&] { s.call_at(far_, [] {}); }));
  expect("start", refused([&] { s.start(); }));
  expect("set_policy", refused([&] { s.set_policy(Subject::Policy::log, {}); }));
}

std::shared_ptr<void> Player::guard() {
  return {static_cast<void*>(this), [this](void*) { call_all_when_closed(); }};
}

void Player::open(const Op& op) {
  const std::size_t other = (op.place + 1 + (op.value >> 1) % (places - 1)) % places;
  if (subject_->is_open(op.place) || subject_->is_open(other)) return;
  const bool sockets = op.value & 1;
  subject_->open(sockets, op.place, other);
  places_[op.place] = {true, sockets};
  places_[other] = {sockets, true};
}

void Player::duplicate(const Op& op) {
  const std::size_t to = op.value % places;
  if (!subject_->is_open(op.place) || subject_->is_open(to)) return;
  subject_->duplicate(op.place, to);
  places_[to] = places_[op.place];
}

void Player::close(const Op& op) {
  if (!subject_->is_open(op.place)) return;
  if (op.kind == Kind::close_late) return subject_->close_late(op.place);
  subject_->remove_handler(op.place);
  subject_->close(op.place);
}

void Player::move_bytes(const Op& op) {
  if (!subject_->is_open(op.place)) return;
  const Place& place = places_[op.place];
  if (op.kind == Kind::drain && place.reads) {
    note("drained " + std::to_string(subject_->drain(op.place)));
  } else if (op.kind == Kind::fill && place.writes) {
    subject_->fill(op.place);
  } else if (op.kind == Kind::write && place.writes && ++writes_ < most_writes) {
    note("wrote " + std::to_string(subject_->write(op.place)));
  }
}

// Of a pipe's ends each has one direction; the other is no readiness that pollers agree
// on.
Events Player::interest_of(const Op& op) const {
  static constexpr Events some[] = {Events::read, Events::write,
                                    Events::read | Events::write, Events::none};
  const Place& place = places_[op.place];
  Events interest = some[op.value % 4];
  if (interest == Events::none) return interest;
  if (!place.reads) interest = Events::write;
  if (!place.writes) interest = Events::read;
  return interest;
}

void Player::add_handler(const Op& op) {
  const std::string name = "handler " + std::to_string(++added_) + ": ";
  auto handler = [this, &op, name, guard = guard()](Events events) {
    if (handed_over_) return;
    trace_.called.emplace_back(turn_, op.place);
    note(name + std::to_string(static_cast<int>(events)));
    run(op.body);
  };
  attempt("add", [&] { subject_->add_handler(op.place, handler, interest_of(op)); });
}

void Player::from_signal(const Op& op) {
  const auto function = [](void* player, const void* body) {
    auto& self = *static_cast<Player*>(player);
    self.note("from a signal");
    self.run(static_cast<const Op*>(body)->body);
  };
  note(subject_->from_signal({function, this, &op}) ? "added" : "refused");
}

// In the past, or so far in the future that no run gets there; some of them equal.
TimePoint Player::deadline_of(const Op& op) const {
  const std::chrono::nanoseconds offset(op.value >> 1 & 7);
  const std::chrono::hours hours(op.value >> 4);
  return op.value & 1 ? far_ + hours + offset : TimePoint(offset);
}

void Player::call_at(const Op& op) {
  attempt("call_at", [&] {
    timeouts_.push_back(subject_->call_at(deadline_of(op), body_of(op, "timer")));
  });
}

void Player::update_timeout(const Op& op) {
  if (timeouts_.empty()) return;
  const auto backwards = op.place % timeouts_.size();
  const std::size_t timeout = timeouts_[timeouts_.size() - 1 - backwards];
  attempt("timeout", [&] {
    const bool done = op.kind == Kind::remove_timeout
                          ? subject_->remove_timeout(timeout)
                          : subject_->update_timeout(timeout, deadline_of(op));
    note(done ? "there" : "gone");
  });
  note("callables " + std::to_string(callables_.use_count() - 1));
}

void Player::start(const Op& op) {
  ++turn_;
  stop_after(static_cast<int>(op.value % 4));
  attempt("start", [&] { subject_->start(); });
  note("stopped");
}

void Player::stop_after(int turns) {
  subject_->add_callback([this, turns] {
    ++turn_;
    if (turns == 0) return subject_->stop();
    stop_after(turns - 1);
  });
}

void Player::close_loop(const Op& op) {
  attempt("close", [&] { subject_->close_loop(op.value & 1); });
  if (!subject_->closed()) return;
  std::string line = "open";
  for (std::size_t place = 0; place < places; ++place) {
    if (subject_->is_open(place)) line += " " + std::to_string(place);
  }
  note(line);
}

void Player::fork() {
  if (subject_->closed() || std::exchange(forked_, true)) return;
  if (fork_ == Fork::real) {
    const pid_t child = ::fork();
    if (child == -1) std::abort();
    if (child > 0) {
      int status = 0;
      while (::waitpid(child, &status, 0) == -1 && errno == EINTR) {
      }
      if (status != 0) std::abort();
      handed_over_ = true;
      return;
    }
    is_child_ = true;
  }
  subject_->after_fork();
}

}  // namespace tornado::fuzz
