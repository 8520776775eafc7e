// SPDX-License-Identifier: Apache-2.0
// What goes through the connections of simulated sockets, and how they end.
#include <algorithm>
#include <cstring>

#include "testing/network_core.h"

namespace tornado {

using Kind = NetworkEvent::Kind;

namespace {

constexpr std::size_t longest_segment = 16 << 10;
constexpr std::chrono::milliseconds first_pause{200};
constexpr int transmissions_again = 15;

Moved no_bytes(std::errc error) {
  return {0, make_error_code(error)};
}

/// The next bytes of `pieces` from `at` on, `most` at most.
std::string take_bytes(std::span<const Bytes>& pieces, std::size_t& at,
                       std::size_t most) {
  std::string bytes;
  while (bytes.size() < most) {
    const Bytes rest = pieces.front().subspan(at);
    const std::size_t n = (std::min)(rest.size(), most - bytes.size());
    bytes.append(reinterpret_cast<const char*>(rest.data()), n);
    at += n;
    if (n < rest.size()) continue;
    pieces = pieces.subspan(1);
    at = 0;
  }
  return bytes;
}

}  // namespace

// Sending.

std::size_t SimulatedSocket::room() const {
  const std::size_t most = network_.find_host(local_)->how.buffer;
  return most - (std::min)(most, outstanding_);
}

std::size_t SimulatedSocket::part_of(std::size_t most) const {
  const bool part = most > 1 && network_.find_host(local_)->how.short_moves;
  return part ? network_.below(most) + 1 : most;
}

Moved SimulatedSocket::send(std::span<const Bytes> pieces,
                            std::span<const UniqueFd> with) {
  if (error_) return {0, take_error()};
  if (broken_ || output_ended_) return no_bytes(std::errc::broken_pipe);
  if (state_ == State::connecting) return no_bytes(std::errc::operation_would_block);
  if (state_ != State::connected) return no_bytes(std::errc::not_connected);
  std::size_t all = 0;
  for (const Bytes& piece : pieces) all += piece.size();
  if (all == 0) return {};
  if (room() == 0) return no_bytes(std::errc::operation_would_block);
  const std::size_t count = part_of((std::min)(all, room()));
  std::vector<UniqueFd> copies;
  for (const UniqueFd& one : with) copies.push_back(duplicate(one.get()));
  outstanding_ += count;
  network_.tell(Kind::sent, *this, count);
  std::size_t at = 0;
  for (std::size_t left = count; left > 0 && !broken_;) {
    const std::size_t size = (std::min)(left, longest_segment);
    left -= size;
    launch(
        {Segment::Kind::data, take_bytes(pieces, at, size), std::exchange(copies, {})});
  }
  return {count};
}

void SimulatedSocket::launch(Segment segment) {
  const auto flies = std::make_shared<Segment>(std::move(segment));
  flying_.push_back(flies);
  const bool again = flies->kind != Segment::Kind::reset;
  network_.send({.sender = shared_from_this(),
                 .from = local_,
                 .to = peer_,
                 .bytes = flies->bytes.size(),
                 .again = again ? first_pause : std::chrono::milliseconds(0),
                 .tries = transmissions_again,
                 .arrive = [self = shared_from_this(), flies, to = other_.lock()] {
                   flies->arrived = true;
                   self->deliver();
                 }});
}

void SimulatedSocket::deliver() {
  while (!flying_.empty() && flying_.front()->arrived) {
    const auto segment = std::move(flying_.front());
    flying_.pop_front();
    const Socket other = other_.lock();
    if (other && !other->broken_ && !other->gone_) {
      other->take(*segment);
    } else if (segment->kind == Segment::Kind::data) {
      reset_from_afar();
    }
  }
}

// Of what has no owner there any more.
void SimulatedSocket::reset_from_afar() {
  network_.send({.sender = shared_from_this(),
                 .from = peer_,
                 .to = local_,
                 .arrive = [self = shared_from_this()] {
                   self->fail(std::errc::connection_reset);
                 }});
}

std::error_code SimulatedSocket::stop_sending() {
  const bool over = broken_ || (input_ended_ && output_ended_);
  if (state_ != State::connected || over) {
    return make_error_code(std::errc::not_connected);
  }
  if (std::exchange(output_ended_, true)) return {};
  launch({Segment::Kind::end});
  network_.touch(*this);
  return {};
}

// Receiving.

void SimulatedSocket::take(Segment& segment) {
  switch (segment.kind) {
    case Segment::Kind::established:
      return on_established();
    case Segment::Kind::data:
      network_.tell(Kind::arrived, *this, segment.bytes.size());
      unread_ += segment.bytes.size();
      inbox_.push_back(std::move(segment));
      break;
    case Segment::Kind::end:
      network_.tell(Kind::ended, *this);
      input_ended_ = true;
      break;
    case Segment::Kind::reset:
      return fail(std::errc::connection_reset);
  }
  network_.touch(*this);
}

Moved SimulatedSocket::receive(std::span<std::byte> room, std::vector<UniqueFd>* with) {
  if (state_ == State::connecting && !broken_) {
    return no_bytes(std::errc::operation_would_block);
  }
  if (state_ != State::connected) return no_bytes(std::errc::not_connected);
  if (room.empty()) return {};
  if (inbox_.empty()) {
    if (error_) return {0, take_error()};
    if (input_ended_ || broken_) return {};
    return no_bytes(std::errc::operation_would_block);
  }
  const std::size_t most = part_of((std::min)(room.size(), unread_));
  std::size_t count = 0;
  while (count < most) {
    Segment& first = inbox_.front();
    if (!first.with.empty()) {
      if (count > 0) break;  // a message ends before the next that has descriptors
      if (with) std::ranges::move(first.with, std::back_inserter(*with));
      first.with.clear();
    }
    const std::size_t n = (std::min)(most - count, first.bytes.size() - read_);
    std::memcpy(room.data() + count, first.bytes.data() + read_, n);
    count += n;
    read_ += n;
    if (read_ < first.bytes.size()) break;
    inbox_.pop_front();
    read_ = 0;
  }
  unread_ -= count;
  if (!broken_) give_room(count);
  return {count};
}

void SimulatedSocket::give_room(std::size_t bytes) {
  const Socket other = other_.lock();
  if (!other) return;
  network_.send({.sender = shared_from_this(),
                 .from = local_,
                 .to = peer_,
                 .again = first_pause,
                 .tries = transmissions_again,
                 .arrive = [other, bytes] {
                   other->outstanding_ -= bytes;
                   other->network_.touch(*other);
                 }});
}

// Ends.

void SimulatedSocket::fail(std::errc error) {
  if (std::exchange(broken_, true)) return;
  // A reset after the end of input is that, as on Linux.
  if (error == std::errc::connection_reset && input_ended_ && !output_ended_) {
    error = std::errc::broken_pipe;
  }
  flying_.clear();
  if (gone_) return;
  error_ = make_error_code(error);
  network_.tell(Kind::failed, *this, 0, error_);
  network_.touch(*this);
}

void SimulatedSocket::break_off() {
  const Socket other = other_.lock();
  fail(std::errc::connection_reset);
  if (other) other->fail(std::errc::connection_reset);
}

void SimulatedSocket::close_with_reset() {
  gone_ = true;
  if (!broken_) launch({Segment::Kind::reset});
}

void SimulatedSocket::close() {
  gone_ = true;
  if (bound_to_) network_.bound.erase(bound_to_);
  network_.tell(Kind::closed, *this);
  if (state_ == State::connected && !broken_) {
    if (unread_ > 0 || resets_at_close_) {
      launch({Segment::Kind::reset});
    } else if (!output_ended_) {
      launch({Segment::Kind::end});
    }
  } else {
    broken_ = true;
  }
  state_ = state_ == State::listening ? State::fresh : state_;
  for (const Socket& one : std::exchange(waiting_, {})) one->close_with_reset();
  inbox_.clear();
}

Events SimulatedSocket::readiness() const {
  Events events = Events::none;
  if (state_ == State::listening && !waiting_.empty()) events |= Events::read;
  if (state_ == State::connecting && broken_) {
    events |= Events::read | Events::write | Events::error;
  }
  if (state_ != State::connected) return events;
  if (!inbox_.empty() || input_ended_ || broken_) events |= Events::read;
  if (broken_ || output_ended_ || room() > 0) events |= Events::write;
  if (broken_ || (input_ended_ && output_ended_)) events |= Events::error;
  return events;
}

}  // namespace tornado
