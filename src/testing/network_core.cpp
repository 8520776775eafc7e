// SPDX-License-Identifier: Apache-2.0
#include "testing/network_core.h"

#include <algorithm>
#include <functional>

#include "platform/system_error.h"

namespace tornado {

using std::chrono::nanoseconds;
using Kind = NetworkEvent::Kind;

namespace {

constexpr nanoseconds longest_pause = std::chrono::seconds(120);  // as of TCP
constexpr std::uint16_t first_port = 49152;

bool is_chance(double value) noexcept {
  return value >= 0 && value <= 1;
}

[[noreturn]] void throw_invalid(std::string_view act) {
  throw_error(std::make_error_code(std::errc::invalid_argument), act);
}

SocketAddress key_of(std::string_view ip) {
  return ip.empty() ? SocketAddress() : SocketAddress(ip, 0);
}

nanoseconds time_of(std::size_t bytes, std::uint64_t bandwidth) noexcept {
  if (bandwidth == 0) return nanoseconds(0);
  const long double time = 1e9L * static_cast<long double>(bytes);
  return nanoseconds(
      static_cast<std::int64_t>(time / static_cast<long double>(bandwidth)));
}

}  // namespace

NetworkCore::NetworkCore(const LoopHooks& clock, std::uint64_t seed)
    : clock_(clock), permuting_(seed != 0), random_(seed) {
  const SimulatedHost near{.latency = nanoseconds(0)};
  for (const char* ip : {"", "127.0.0.1", "::1", "10.0.0.1", "fd00::1"}) {
    set_host(ip, near);
  }
}

// Settings.

void NetworkCore::set_host(std::string_view ip, const SimulatedHost& how) {
  const bool valid = is_chance(how.loss) && is_chance(how.resets) && how.buffer > 0 &&
                     how.latency.get() >= nanoseconds(0) &&
                     how.jitter.get() >= nanoseconds(0);
  if (!valid) throw_invalid("set_host " + std::string(ip));
  hosts_[key_of(ip)].how = how;
}

void NetworkCore::set_name(std::string name, Name answer) {
  for (const std::string& ip : answer.ips) (void)SocketAddress(ip, 0);
  names_[std::move(name)] = std::move(answer);
}

const NetworkCore::Name* NetworkCore::find_name(const std::string& name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : &found->second;
}

void NetworkCore::partition(const std::vector<std::string>& ips) {
  std::set<const Host*> side;
  for (const std::string& ip : ips) {
    const Host* const host = find_host(key_of(ip));
    if (!host) throw_invalid("partition: no host " + ip);
    side.insert(host);
  }
  partitions_.push_back(std::move(side));
}

void NetworkCore::heal() {
  partitions_.clear();
}

std::size_t NetworkCore::reset(std::string_view ip) {
  const Host* const host = find_host(key_of(ip));
  if (!host) throw_invalid("reset: no host " + std::string(ip));
  std::vector<SimulatedSocket*> found;  // in the order of their numbers
  for (const auto& [fd, socket] : sockets_) {
    const bool touches =
        find_host(socket->local()) == host || find_host(socket->peer()) == host;
    if (socket->connected() && touches) found.push_back(socket.get());
  }
  std::size_t count = 0;
  for (SimulatedSocket* const socket : found) {
    if (socket->broken()) continue;  // a peer, or a duplicate, of one before
    socket->break_off();
    ++count;
  }
  return count;
}

std::size_t NetworkCore::sockets() const {
  std::set<const SimulatedSocket*> all;
  for (const auto& [fd, socket] : sockets_) all.insert(socket.get());
  return all.size();
}

void NetworkCore::set_observer(Observer observer) {
  observer_ = observer ? std::make_shared<Observer>(std::move(observer)) : nullptr;
}

NetworkCore::Host* NetworkCore::find_host(const SocketAddress& address) {
  const bool has_ip = address.family() == AddressFamily::ipv4 ||
                      address.family() == AddressFamily::ipv6;
  SocketAddress key = has_ip ? address : SocketAddress();
  key.set_port(0);
  const auto found = hosts_.find(key);
  return found == hosts_.end() ? nullptr : &found->second;
}

// Events.

std::size_t NetworkCore::below(std::size_t n) {
  return static_cast<std::size_t>(random_() % n);
}

bool NetworkCore::happens(double chance) {
  if (chance <= 0) return false;
  return static_cast<double>(random_() >> 11) * 0x1p-53 < chance;
}

void NetworkCore::at(TimePoint time, Act act) {
  const std::uint64_t order = permuting_ ? random_() : 0;
  events_.push_back({time, order, ++last_event_, std::move(act)});
  std::ranges::push_heap(events_, std::greater());
}

TimePoint NetworkCore::next_event() const {
  const std::lock_guard lock(mutex);
  return events_.empty() ? (TimePoint::max)() : events_.front().time;
}

void NetworkCore::run_due() {
  const std::lock_guard lock(mutex);
  while (!events_.empty() && events_.front().time <= now()) {
    std::ranges::pop_heap(events_, std::greater());
    Event next = std::move(events_.back());
    events_.pop_back();
    next.act();
  }
}

void NetworkCore::tell(const NetworkEvent& event) {
  const auto observer = observer_;  // it may replace itself
  if (observer) (*observer)(event);
}

void NetworkCore::tell(Kind kind, const SimulatedSocket& socket, std::size_t bytes,
                       std::error_code error) {
  if (observer_) tell({now(), kind, socket.local(), socket.peer(), bytes, error});
}

// Transmissions.

bool NetworkCore::is_lost(const Host& from, const Host& to) {
  const bool same = &from == &to;
  const bool apart = std::ranges::any_of(partitions_, [&](const auto& side) {
    return side.contains(&from) != side.contains(&to);
  });
  return apart || happens(from.how.loss + (same ? 0 : to.how.loss));
}

TimePoint NetworkCore::arrival(std::size_t bytes, Host& from, Host& to) {
  TimePoint time = now();
  const auto pass = [&](const SimulatedHost& host, TimePoint& until) {
    if (host.bandwidth == 0) return;
    until = time = (std::max)(time, until) + time_of(bytes, host.bandwidth);
  };
  const auto travel = [&](const SimulatedHost& host) {
    time = host.latency.after(time);
    if (host.jitter.get() <= nanoseconds(0)) return;
    const auto most = static_cast<std::size_t>(host.jitter.get().count());
    time = Delay(nanoseconds(below(most + 1))).after(time);
  };
  pass(from.how, from.sends_until);
  travel(from.how);
  if (&from == &to) return time;
  travel(to.how);
  pass(to.how, to.receives_until);
  return time;
}

void NetworkCore::send(Trip trip) {
  launch(std::make_shared<Trip>(std::move(trip)));
}

void NetworkCore::launch(const std::shared_ptr<Trip>& trip) {
  Host& from = *find_host(trip->from);
  Host& to = *find_host(trip->to);
  if (is_lost(from, to)) {
    tell({now(), Kind::lost, trip->from, trip->to, trip->bytes, {}});
    return try_again(trip);
  }
  const double resets = from.how.resets + (&from == &to ? 0 : to.how.resets);
  if (happens(resets)) return trip->sender->break_off();
  at(arrival(trip->bytes, from, to), [trip] { trip->arrive(); });
}

void NetworkCore::try_again(const std::shared_ptr<Trip>& trip) {
  if (trip->again == nanoseconds(0)) return;
  at(now() + trip->again, [this, trip] {
    if (trip->sender->broken()) return;
    if (trip->tries-- == 0) return trip->sender->fail(std::errc::timed_out);
    trip->again = (std::min)(2 * trip->again, longest_pause);
    launch(trip);
  });
}

// Descriptors.

std::shared_ptr<SimulatedSocket> NetworkCore::find(NativeFd fd) const {
  const auto found = sockets_.find(fd);
  return found == sockets_.end() ? nullptr : found->second;
}

void NetworkCore::add(NativeFd fd, std::shared_ptr<SimulatedSocket> socket) {
  SimulatedSocket& added = *socket;
  sockets_.insert_or_assign(fd, std::move(socket));
  added.numbers.push_back(fd);
}

void NetworkCore::remove(NativeFd fd) {
  const auto node = sockets_.extract(fd);
  touched_.erase(fd);
  if (!node) return;
  std::erase(node.mapped()->numbers, fd);
  if (node.mapped()->numbers.empty()) node.mapped()->close();
}

std::uint16_t NetworkCore::next_port() {
  for (;;) {
    const auto port = static_cast<std::uint16_t>(first_port + last_port_);
    last_port_ = static_cast<std::uint16_t>((last_port_ + 1) % (65536 - first_port));
    const auto has_port = [port](const auto& one) { return one.first.port() == port; };
    if (std::ranges::none_of(bound, has_port)) return port;
  }
}

bool NetworkCore::contains(NativeFd fd) const {
  const std::lock_guard lock(mutex);
  return sockets_.contains(fd);
}

void NetworkCore::touch(NativeFd fd) {
  const std::lock_guard lock(mutex);
  touched_.insert(fd);
}

void NetworkCore::touch(const SimulatedSocket& socket) {
  touched_.insert(socket.numbers.begin(), socket.numbers.end());
}

void NetworkCore::collect(std::map<NativeFd, Watch>& watched,
                          std::vector<Ready>& ready) {
  const std::lock_guard lock(mutex);
  for (auto it = touched_.begin(); it != touched_.end();) {
    const auto watch = watched.find(*it);
    const auto socket = find(*it);
    Events found = Events::none;
    if (watch != watched.end() && socket && !watch->second.spent) {
      found = socket->readiness() & (watch->second.events | Events::error);
    }
    if (found == Events::none) {
      it = touched_.erase(it);
      continue;
    }
    ready.push_back({watch->second.token, found});
    watch->second.spent = has(watch->second.events, Events::one_shot);
    const bool once = has(watch->second.events, Events::edge | Events::one_shot);
    it = once ? touched_.erase(it) : std::next(it);
  }
}

std::string NetworkCore::describe(NativeFd fd) const {
  const std::lock_guard lock(mutex);
  const auto socket = find(fd);
  if (!socket) return {};
  std::string text = " (" + to_string(socket->local());
  if (socket->peer()) text += " > " + to_string(socket->peer());
  return text + ')';
}

}  // namespace tornado
