// SPDX-License-Identifier: Apache-2.0
// How simulated sockets find each other.
#include <algorithm>

#include "testing/network_core.h"

namespace tornado {

using std::chrono::nanoseconds;
using Kind = NetworkEvent::Kind;

namespace {

// Those of Linux.
constexpr std::chrono::seconds first_attempt_pause{1};
constexpr int attempts_again = 6;

std::error_code failure(std::errc error) {
  return make_error_code(error);
}

SocketAddress wildcard(AddressFamily family, std::uint16_t port = 0) {
  return {family == AddressFamily::ipv6 ? "::" : "0.0.0.0", port};
}

bool is_wildcard(const SocketAddress& address) {
  if (address.family() == AddressFamily::local) return false;
  return address == wildcard(address.family(), address.port());
}

/// Whether one socket bound to each would both be asked.
bool overlap(const SocketAddress& a, const SocketAddress& b) {
  if (a == b) return true;
  return a.family() == b.family() && a.port() == b.port() &&
         (is_wildcard(a) || is_wildcard(b));
}

SocketAddress source_for(const SocketAddress& to) {
  const bool v6 = to.family() == AddressFamily::ipv6;
  if (to.is_loopback()) return {v6 ? "::1" : "127.0.0.1", 0};
  return {v6 ? "fd00::1" : "10.0.0.1", 0};
}

}  // namespace

std::error_code SimulatedSocket::bind(SocketAddress address) {
  if (bound_to_ || state_ != State::fresh) return failure(std::errc::invalid_argument);
  if (address.family() != family_) {
    return failure(std::errc::address_family_not_supported);
  }
  if (!is_wildcard(address) && !network_.find_host(address)) {
    return failure(std::errc::address_not_available);
  }
  if (family_ != AddressFamily::local && address.port() == 0) {
    address.set_port(network_.next_port());
  }
  for (const auto& [other, socket] : network_.bound) {
    if (overlap(other, address)) return failure(std::errc::address_in_use);
  }
  network_.bound.emplace(address, this);
  local_ = bound_to_ = address;
  return {};
}

std::error_code SimulatedSocket::listen(int backlog) {
  if (state_ != State::fresh && state_ != State::listening) {
    return failure(std::errc::invalid_argument);
  }
  if (!bound_to_) {
    if (family_ == AddressFamily::local) return failure(std::errc::invalid_argument);
    if (const std::error_code error = bind(wildcard(family_))) return error;
  }
  state_ = State::listening;
  backlog_ = static_cast<std::size_t>((std::max)(backlog, 1));
  return {};
}

std::error_code SimulatedSocket::connect(SocketAddress address) {
  if (broken_) return failure(std::errc::connection_aborted);
  if (state_ == State::connecting) {
    return failure(std::errc::connection_already_in_progress);
  }
  if (state_ != State::fresh) return failure(std::errc::already_connected);
  if (address.family() != family_) {
    return failure(std::errc::address_family_not_supported);
  }
  peer_ = address;
  if (family_ == AddressFamily::local) return connect_by_path();
  if (is_wildcard(address)) {
    peer_ = SocketAddress(family_ == AddressFamily::ipv6 ? "::1" : "127.0.0.1",
                          address.port());
  }
  if (!network_.find_host(peer_)) return failure(std::errc::network_unreachable);
  if (!bound_to_ || is_wildcard(local_)) {
    SocketAddress source = source_for(peer_);
    source.set_port(bound_to_ ? local_.port() : network_.next_port());
    local_ = source;
  }
  state_ = State::connecting;
  network_.tell(Kind::connecting, *this);
  send_attempt(first_attempt_pause, attempts_again);
  return failure(std::errc::operation_in_progress);
}

std::error_code SimulatedSocket::connect_result() {
  if (error_) return take_error();
  if (state_ == State::connecting) return failure(std::errc::operation_in_progress);
  return state_ == State::connected ? std::error_code()
                                    : failure(std::errc::not_connected);
}

std::error_code SimulatedSocket::connect_by_path() {
  const auto found = network_.bound.find(peer_);
  if (found == network_.bound.end() && peer_.path().front() != '\0') {
    return failure(std::errc::no_such_file_or_directory);
  }
  if (found == network_.bound.end() || !found->second->listening()) {
    return failure(std::errc::connection_refused);
  }
  SimulatedSocket& listener = *found->second;
  if (listener.full()) return failure(std::errc::resource_unavailable_try_again);
  network_.tell(Kind::connecting, *this);
  const Socket end = listener.make_end_for(*this);
  state_ = State::connected;
  network_.tell(Kind::connected, *this);
  end->on_established();
  return {};
}

void SimulatedSocket::send_attempt(nanoseconds again, int tries) {
  const TimePoint next = network_.now() + again;
  network_.send({.sender = shared_from_this(),
                 .from = local_,
                 .to = peer_,
                 .again = again,
                 .tries = tries,
                 .arrive = [self = shared_from_this(), next, again, tries] {
                   self->attempt_arrives(next, again, tries);
                 }});
}

// Where a listener has no room the attempt is dropped, as by Linux.
void SimulatedSocket::attempt_arrives(TimePoint next, nanoseconds again, int tries) {
  if (gone_ || broken_) return;
  SimulatedSocket* const listener = find_listener();
  if (!listener) return refuse();
  if (!listener->full()) return listener->answer(*this);
  network_.at((std::max)(next, network_.now()),
              [self = shared_from_this(), again, tries] {
                if (self->broken_) return;
                if (tries == 0) return self->fail(std::errc::timed_out);
                self->send_attempt(2 * again, tries - 1);
              });
}

SimulatedSocket* SimulatedSocket::find_listener() const {
  if (network_.find_host(peer_)->how.refuses) return nullptr;
  for (const SocketAddress& name : {peer_, wildcard(family_, peer_.port())}) {
    const auto found = network_.bound.find(name);
    if (found != network_.bound.end() && found->second->listening()) {
      return found->second;
    }
  }
  return nullptr;
}

void SimulatedSocket::refuse() {
  network_.send({.sender = shared_from_this(),
                 .from = peer_,
                 .to = local_,
                 .again = first_attempt_pause,
                 .tries = attempts_again,
                 .arrive = [self = shared_from_this()] {
                   self->fail(std::errc::connection_refused);
                 }});
}

bool SimulatedSocket::full() const noexcept {
  return waiting_.size() + coming_ >= backlog_;
}

SimulatedSocket::Socket SimulatedSocket::make_end_for(SimulatedSocket& client) {
  auto end = std::make_shared<SimulatedSocket>(network_, family_);
  end->state_ = State::connected;
  end->local_ = client.peer_;
  end->peer_ = client.local_;
  end->other_ = client.weak_from_this();
  end->listener_ = weak_from_this();
  client.other_ = end;
  ++coming_;
  return end;
}

// If no answer comes, the client gives up.
void SimulatedSocket::answer(SimulatedSocket& client) {
  const Socket end = make_end_for(client);
  network_.send({.sender = client.shared_from_this(),
                 .from = end->local_,
                 .to = end->peer_,
                 .again = first_attempt_pause,
                 .tries = attempts_again,
                 .arrive = [end, to = client.shared_from_this()] { to->on_answer(); }});
}

void SimulatedSocket::on_answer() {
  if (gone_ || broken_) return;
  state_ = State::connected;
  network_.tell(Kind::connected, *this);
  network_.touch(*this);
  launch({Segment::Kind::established});
}

void SimulatedSocket::on_established() {
  const Socket listener = listener_.lock();
  listener_.reset();
  if (listener) --listener->coming_;
  if (!listener || !listener->listening()) return close_with_reset();
  listener->waiting_.push_back(shared_from_this());
  network_.tell(Kind::accepted, *this);
  network_.touch(*listener);
}

SimulatedSocket::~SimulatedSocket() {
  if (const Socket listener = listener_.lock()) --listener->coming_;
}

std::shared_ptr<SimulatedSocket> SimulatedSocket::next_connection() const {
  return waiting_.empty() ? nullptr : waiting_.front();
}

}  // namespace tornado
