// SPDX-License-Identifier: Apache-2.0
// The calls on sockets, on their way to the network of each socket.
#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>

#include "net/lookup.h"
#include "net/sockets.h"
#include "platform/fd.h"
#include "platform/system_error.h"
#include "testing/network_core.h"

namespace tornado {
namespace {

using Core = std::shared_ptr<NetworkCore>;
using Socket = std::shared_ptr<SimulatedSocket>;

thread_local std::weak_ptr<NetworkCore> network_here;

/// As the system's calls give errors: of its category where that has this one.
std::error_code as_of_system(std::error_code error) noexcept {
  if (error.category() != std::generic_category()) return error;
  const std::error_code same(error.value(), std::system_category());
  const bool means_the_same = same == static_cast<std::errc>(error.value());
  return means_the_same ? same : error;
}

/// `act` without exceptions, for want of memory or of descriptors.
template <class F>
std::error_code guarded(F act) noexcept {
  try {
    return as_of_system(act());
  } catch (const std::system_error& error) {
    return error.code();
  } catch (const std::bad_alloc&) {
    return as_of_system(make_error_code(std::errc::not_enough_memory));
  }
}

void write_name(const SocketAddress& address, bool unnamed_is_local, void* name,
                std::size_t& size) noexcept {
  if (address) {
    size = (std::min)(size, address.size());
    std::memcpy(name, address.data(), size);
  } else if (unnamed_is_local) {
    sockaddr unnamed{};
    unnamed.sa_family = AF_UNIX;
    size = offsetof(sockaddr, sa_data);
    std::memcpy(name, &unnamed, size);
  } else {
    size = 0;
  }
}

AddressFamily family_of(int domain) noexcept {
  for (const AddressFamily one :
       {AddressFamily::ipv4, AddressFamily::ipv6, AddressFamily::local}) {
    if (native_family(one) == domain) return one;
  }
  return AddressFamily::any;
}

/// A descriptor that is no poller's to report.
UniqueFd make_number() {
  return make_system_socket(AF_INET, SOCK_DGRAM, 0);
}

class NetworkHooks final : public SocketHooks {
 public:
  void enter(const Core& core);
  void leave(const Core& core) noexcept;

  UniqueFd open(int domain, int type) override;
  bool owns(NativeFd fd) noexcept override { return owner(fd) != nullptr; }
  UniqueFd accept(NativeFd listener, void* peer, std::size_t& size) override;
  std::error_code bind(NativeFd fd, const void* name,
                       std::size_t size) noexcept override {
    return on_socket(fd, [&](SimulatedSocket& socket) {
      return socket.bind(SocketAddress::from_native(name, size));
    });
  }
  std::error_code listen(NativeFd fd, int backlog) noexcept override {
    return on_socket(fd,
                     [&](SimulatedSocket& socket) { return socket.listen(backlog); });
  }
  std::error_code connect(NativeFd fd, const void* name,
                          std::size_t size) noexcept override {
    return on_socket(fd, [&](SimulatedSocket& socket) {
      return socket.connect(SocketAddress::from_native(name, size));
    });
  }
  std::error_code connect_result(NativeFd fd) noexcept override {
    return on_socket(fd,
                     [&](SimulatedSocket& socket) { return socket.connect_result(); });
  }
  std::error_code stop_sending(NativeFd fd) noexcept override {
    return on_socket(fd,
                     [&](SimulatedSocket& socket) { return socket.stop_sending(); });
  }
  std::error_code set_option(NativeFd fd, int level, int option,
                             Bytes value) noexcept override;
  std::error_code name(NativeFd fd, bool of_peer, void* name,
                       std::size_t& size) noexcept override;
  Moved receive(NativeFd fd, std::span<std::byte> room,
                std::vector<UniqueFd>* with) noexcept override {
    return move(fd,
                [&](SimulatedSocket& socket) { return socket.receive(room, with); });
  }
  Moved send(NativeFd fd, std::span<const Bytes> pieces,
             std::span<const UniqueFd> with) noexcept override {
    return move(fd, [&](SimulatedSocket& socket) { return socket.send(pieces, with); });
  }
  void duplicated(NativeFd fd, NativeFd copy) override;
  void closing(NativeFd fd) noexcept override;
  std::optional<std::chrono::nanoseconds> lookup_time(const std::string& host) override;
  std::error_code look_up(const std::string& host, bool passive,
                          std::vector<std::string>& ips) override;

 private:
  [[nodiscard]] Core owner(NativeFd fd) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = owners_.find(fd);
    return found == owners_.end() ? nullptr : found->second.lock();
  }
  void add(NativeFd fd, const Core& core, Socket socket);
  template <class F>
  std::error_code on_socket(NativeFd fd, F act) noexcept;
  template <class F>
  Moved move(NativeFd fd, F act) noexcept;

  std::mutex mutex_;  // never held while a network's is taken
  std::map<NativeFd, std::weak_ptr<NetworkCore>> owners_;
  int networks_ = 0;
};

NetworkHooks& the_hooks() {
  static auto* const hooks = new NetworkHooks;  // other threads may be calling it
  return *hooks;
}

void NetworkHooks::enter(const Core& core) {
  if (!network_here.expired()) {
    throw std::logic_error("Simulation::network: this thread has another network");
  }
  network_here = core;
  const std::lock_guard lock(mutex_);
  ++networks_;
  socket_hooks.store(this, std::memory_order_release);
}

void NetworkHooks::leave(const Core& core) noexcept {
  if (network_here.lock() == core) network_here.reset();
  const std::lock_guard lock(mutex_);
  // Without lock(), since the end of another network would come back here.
  std::erase_if(owners_, [&](const auto& one) {
    return !one.second.owner_before(core) && !core.owner_before(one.second);
  });
  if (--networks_ == 0) socket_hooks.store(nullptr, std::memory_order_release);
}

// The number is owned before anything can fail.
void NetworkHooks::add(NativeFd fd, const Core& core, Socket socket) {
  core->add(fd, std::move(socket));
  const std::lock_guard lock(mutex_);
  owners_.insert_or_assign(fd, core);
}

template <class F>
std::error_code NetworkHooks::on_socket(NativeFd fd, F act) noexcept {
  return guarded([&] {
    const Core core = owner(fd);
    if (!core) return make_error_code(std::errc::bad_file_descriptor);
    const std::lock_guard lock(core->mutex);
    const Socket socket = core->find(fd);
    return socket ? act(*socket) : make_error_code(std::errc::bad_file_descriptor);
  });
}

template <class F>
Moved NetworkHooks::move(NativeFd fd, F act) noexcept {
  Moved moved;
  moved.error = on_socket(fd, [&](SimulatedSocket& socket) {
    moved = act(socket);
    return moved.error;
  });
  return moved;
}

UniqueFd NetworkHooks::open(int domain, int type) {
  const Core core = network_here.lock();
  const AddressFamily family = family_of(domain);
  if (!core || type != SOCK_STREAM || family == AddressFamily::any) return {};
  UniqueFd number = make_number();
  const std::lock_guard lock(core->mutex);
  add(number.get(), core, std::make_shared<SimulatedSocket>(*core, family));
  return number;
}

UniqueFd NetworkHooks::accept(NativeFd listener, void* peer, std::size_t& size) {
  UniqueFd number;
  const std::error_code error = on_socket(listener, [&](SimulatedSocket& socket) {
    if (!socket.listening()) return make_error_code(std::errc::invalid_argument);
    Socket next = socket.next_connection();
    if (!next) return std::error_code();
    number = make_number();
    socket.accepted();
    const bool local = next->family() == AddressFamily::local;
    if (peer) write_name(next->peer(), local, peer, size);
    add(number.get(), owner(listener), std::move(next));
    return std::error_code();
  });
  if (error) throw_error(error, act_on("accept", listener));
  return number;
}

// No other option makes a difference here.
std::error_code NetworkHooks::set_option(NativeFd fd, int level, int option,
                                         Bytes value) noexcept {
  linger how{};
  if (level != SOL_SOCKET || option != SO_LINGER || value.size() != sizeof how) {
    return {};
  }
  std::memcpy(&how, value.data(), sizeof how);
  return on_socket(fd, [&](SimulatedSocket& socket) {
    socket.set_resets_at_close(how.l_onoff != 0 && how.l_linger == 0);
    return std::error_code();
  });
}

std::error_code NetworkHooks::name(NativeFd fd, bool of_peer, void* name,
                                   std::size_t& size) noexcept {
  return on_socket(fd, [&](SimulatedSocket& socket) {
    if (of_peer && !socket.connected()) {
      return make_error_code(std::errc::not_connected);
    }
    const SocketAddress& address = of_peer ? socket.peer() : socket.local();
    write_name(address, socket.family() == AddressFamily::local, name, size);
    return std::error_code();
  });
}

void NetworkHooks::duplicated(NativeFd fd, NativeFd copy) {
  const Core core = owner(fd);
  if (!core) return;
  const std::lock_guard lock(core->mutex);
  if (Socket socket = core->find(fd)) add(copy, core, std::move(socket));
}

void NetworkHooks::closing(NativeFd fd) noexcept {
  const Core core = owner(fd);
  if (!core) return;
  {
    const std::lock_guard lock(mutex_);
    owners_.erase(fd);
  }
  const std::lock_guard lock(core->mutex);
  core->remove(fd);
}

// Names.

std::optional<std::chrono::nanoseconds> NetworkHooks::lookup_time(
    const std::string& host) {
  const Core core = network_here.lock();
  if (!core) return {};
  const std::lock_guard lock(core->mutex);
  const NetworkCore::Name* const name = core->find_name(host);
  return name ? name->time : std::chrono::nanoseconds(0);
}

std::error_code NetworkHooks::look_up(const std::string& host, bool passive,
                                      std::vector<std::string>& ips) {
  const Core core = network_here.lock();
  if (!core) return {};
  const std::lock_guard lock(core->mutex);
  if (const NetworkCore::Name* const name = core->find_name(host)) {
    ips = name->ips;
    return name->error;
  }
  if (is_valid_ip(host)) {
    ips = {host};
  } else if (host.empty() && passive) {
    ips = {"0.0.0.0", "::"};
  } else if (host.empty() || host == "localhost") {
    ips = {"127.0.0.1", "::1"};
  }
  return {};
}

}  // namespace

void enter_network(const std::shared_ptr<NetworkCore>& core) {
  the_hooks().enter(core);
}

void leave_network(const std::shared_ptr<NetworkCore>& core) noexcept {
  the_hooks().leave(core);
}

}  // namespace tornado
