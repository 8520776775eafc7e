// SPDX-License-Identifier: Apache-2.0
#include "fuzz/model.h"

#include <algorithm>
#include <cerrno>

namespace tornado::fuzz {
namespace {

template <class Queue>
auto take_first(Queue& queue) {
  auto first = std::move(queue.front());
  queue.pop_front();
  return first;
}

[[noreturn]] void refuse(std::errc code) {
  throw std::system_error(std::make_error_code(code));
}

}  // namespace

// Descriptors.

void Model::open(bool sockets, std::size_t reader, std::size_t writer) {
  files_[reader] = std::make_shared<File>(File{true, sockets});
  files_[writer] = std::make_shared<File>(File{sockets, true});
  files_[reader]->peer = files_[writer];
  files_[writer]->peer = files_[reader];
}

int Model::write(std::size_t place) {
  const auto peer = files_[place]->peer.lock();
  if (!peer) return -EPIPE;
  if (files_[place]->full) return -EAGAIN;
  ++peer->bytes;
  return 1;
}

void Model::fill(std::size_t place) {
  const auto peer = files_[place]->peer.lock();
  if (!peer) return;
  files_[place]->full = true;
  ++peer->bytes;
}

int Model::drain(std::size_t place) {
  if (const auto peer = files_[place]->peer.lock()) peer->full = false;
  return std::exchange(files_[place]->bytes, 0) > 0;
}

// Registrations.

void Model::check() const {
  if (closed_) throw std::system_error(Errc::loop_closed);
}

void Model::add_handler(std::size_t place, Handler handler, Events events) {
  check();
  if (!files_[place]) refuse(std::errc::bad_file_descriptor);
  if (handlers_.contains(place)) refuse(std::errc::file_exists);
  handlers_[place] =
      std::make_shared<Registration>(Registration{std::move(handler), events});
}

void Model::update_handler(std::size_t place, Events events) {
  check();
  if (!handlers_.contains(place)) refuse(std::errc::no_such_file_or_directory);
  handlers_[place]->interest = events;
}

void Model::remove_handler(std::size_t place) {
  if (const auto gone = handlers_.extract(place)) gone.mapped()->removed = true;
}

bool Model::add_callback(Call call) {
  if (!closed_) callbacks_.push_back(std::move(call));
  return !closed_;
}

bool Model::spawn_callback(Call call) {
  return add_callback([inner = std::move(call)] {
    try {
      inner();
    } catch (...) {
    }
  });
}

bool Model::from_signal(SignalCall call) {
  if (!closed_) from_signals_.push_back(call);
  return !closed_;
}

std::size_t Model::call_at(TimePoint deadline, Call call) {
  check();
  timers_.emplace(Due(deadline, ++timers_added_), std::move(call));
  order_of_.push_back(timers_added_);
  return order_of_.size() - 1;
}

bool Model::remove_timeout(std::size_t timeout) {
  return std::erase_if(timers_, [&](const auto& one) {
           return one.first.second == order_of_[timeout];
         }) > 0;
}

bool Model::update_timeout(std::size_t timeout, TimePoint deadline) {
  const auto at = std::ranges::find_if(
      timers_, [&](const auto& one) { return one.first.second == order_of_[timeout]; });
  if (at == timers_.end()) return false;
  auto moved = timers_.extract(at);
  moved.key() = Due(deadline, order_of_[timeout] = ++timers_added_);
  timers_.insert(std::move(moved));
  return true;
}

void Model::set_policy(Policy policy, Call handler) {
  check();
  policy_ = policy;
  exception_handler_ = std::move(handler);
}

// Running.

void Model::call(const Call& call) {
  try {
    call();
  } catch (...) {
    if (policy_ == Policy::rethrow) throw;
    if (policy_ == Policy::handler) exception_handler_();
  }
}

void Model::look() {
  for (const auto& [place, registration] : handlers_) {
    const File& file = *files_[place];
    Events now = Events::none;
    if (file.bytes > 0) now |= Events::read;
    if (file.writes && !file.full) now |= Events::write;
    if (file.peer.expired()) now = Events::read | Events::write | Events::error;
    const Events interest = registration->interest;
    now &= interest | Events::error;
    if (interest != Events::none && now != Events::none)
      ready_.push_back({place, registration, now});
  }
}

// An error is reported to every handler that waits for anything.
Events Model::Ready::told() const {
  const Events interest = registration->interest;
  if (registration->removed || interest == Events::none) return Events::none;
  if (has(events, Events::error)) return interest | Events::error;
  return events & interest;
}

Model::Ready* Model::next_ready() {
  const std::size_t wanted = choose_();
  Ready* left_out = nullptr;
  for (Ready& one : ready_) {
    if (one.told() == Events::none) {
      one.paused = true;
    } else if (one.place == wanted) {
      return &one;
    } else if (!one.paused) {
      left_out = &one;
    }
  }
  return left_out;
}

void Model::turn() {
  while (Ready* next = closing_ ? nullptr : next_ready()) {
    const auto registration = next->registration;
    const Events events = next->told();
    ready_.erase(std::ranges::find(ready_, registration, &Ready::registration));
    call([&] { registration->handler(events); });
  }
  if (closing_) return;
  ready_.clear();
  if (due_.empty()) {
    for (const auto& [due, unused] : timers_) {
      if (due.first <= now_) due_.push_back(due);
    }
  }
  for (auto n = from_signals_.size(); n > 0 && !closing_; --n)
    call(take_first(from_signals_));
  if (batch_.empty()) batch_.swap(callbacks_);
  while (!batch_.empty() && !closing_) call(take_first(batch_));
  while (!due_.empty() && !closing_) {
    if (const auto timer = timers_.extract(take_first(due_))) call(timer.mapped());
  }
}

void Model::start() {
  check();
  if (running_) throw std::system_error(Errc::loop_running);
  if (std::exchange(stop_, false)) return;
  running_ = true;
  struct End {
    Model& model;
    ~End() {
      model.running_ = false;
      if (model.closing_) model.close_loop(model.all_fds_);
    }
  } const end{*this};
  for (turn(); !closing_ && !std::exchange(stop_, false); turn()) look();
}

// What was seen is looked at again.
void Model::after_fork() {
  parents_ = files_;
  ready_.clear();
}

void Model::close_loop(bool all_fds) {
  if (closed_) return;
  all_fds_ = all_fds_ || all_fds;
  closing_ = true;
  if (running_) return;
  closed_ = true;
  for (const auto& [place, unused] : handlers_) {
    if (all_fds_) files_[place].reset();
  }
  handlers_.clear();
  ready_.clear();
  from_signals_.clear();
  callbacks_.clear();
  batch_.clear();
  timers_.clear();
}

}  // namespace tornado::fuzz
