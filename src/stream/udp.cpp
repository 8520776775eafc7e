// SPDX-License-Identifier: Apache-2.0
#include "tornado/udp.h"

#include <cstring>

#include "net/lookup.h"
#include "net/sockets.h"
#include "platform/system_error.h"
#include "stream/udp_core.h"
#include "tornado/platform.h"

namespace tornado {
namespace detail {

ReceiveWait::ReceiveWait(std::shared_ptr<UDPCore> core, std::optional<Delay> timeout,
                         std::source_location where) noexcept
    : LineWait("receive", timeout, where), core_(std::move(core)), limit_(timeout) {}

ReceiveWait::~ReceiveWait() {
  core_->end_read(*this);
}

IOLoop& ReceiveWait::loop_to_call() const {
  return core_->check("receive");
}

bool ReceiveWait::ready() {
  core_->check("receive", *frame);
  core_->begin_read(*this);
  if (core_->receive()) {
    choose_at_once(core_->readers());
    return true;
  }
  return expires_at_once();
}

void ReceiveWait::suspend() {
  core_->watch(Events::read);
  enter(core_->readers());
}

DatagramBatch ReceiveWait::result() {
  check_result();
  return core_->take();
}

SendWait::SendWait(std::shared_ptr<UDPCore> core, std::span<const OutgoingDatagram> all,
                   BatchSent sent, std::optional<Delay> timeout,
                   std::source_location where) noexcept
    : LineWait("send", timeout, where),
      core_(std::move(core)),
      all_(all),
      sent_(sent) {}

SendWait::~SendWait() = default;

bool SendWait::ready() {
  if (!would_block(sent_.error)) return true;
  core_->check("send", *frame);
  waited_ = true;
  return expires_at_once();
}

void SendWait::suspend() {
  core_->watch(Events::write);
  enter(core_->writers());
}

BatchSent SendWait::take() {
  if (waited_ && !take_result()) sent_.error = Errc::timed_out;
  return sent_;
}

DatagramSendWait::DatagramSendWait(std::shared_ptr<UDPCore> core,
                                   const OutgoingDatagram& one, BatchSent sent,
                                   std::optional<Delay> timeout,
                                   std::source_location where) noexcept
    : SendWait(std::move(core), {&one_, 1}, sent, timeout, where), one_(one) {}

void DatagramSendWait::result() {
  const SocketAddress& to = one_.destination;
  if (const std::error_code error = take().error) {
    throw_error(error, to ? "send to " + to_string(to) : "send");
  }
}

}  // namespace detail

namespace {

using detail::UDPCore;

void succeed(std::error_code error, std::string_view act, NativeFd fd) {
  if (error) throw_error(error, act_on(act, fd));
}

UniqueFd open_socket(AddressFamily family) {
  UniqueFd socket = make_socket(native_family(family), SOCK_DGRAM);
  if (family == AddressFamily::ipv6) {
    succeed(set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1), "IPV6_V6ONLY",
            socket.get());
  }
  return socket;
}

std::error_code change_groups(NativeFd socket, int option, const SocketAddress& group,
                              unsigned interface_index) noexcept {
  group_req request{};
  request.gr_interface = interface_index;
  std::memcpy(&request.gr_group, group.data(), group.size());
  const int level = group.family() == AddressFamily::ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
  return set_option(socket, level, option, std::as_bytes(std::span(&request, 1)));
}

}  // namespace

UDPSocket::UDPSocket(AddressFamily family, const UDPOptions& options)
    : UDPSocket(family, *IOLoop::current(), options) {}

UDPSocket::UDPSocket(AddressFamily family, IOLoop& loop, const UDPOptions& options)
    : UDPSocket(open_socket(family), family, loop, options) {}

UDPSocket::UDPSocket(UniqueFd socket, IOLoop& loop, const UDPOptions& options)
    : UDPSocket(std::move(socket), local_address(socket.get()).family(), loop,
                options) {}

// Winsock names no socket that is not bound, so the family is not asked for here.
UDPSocket::UDPSocket(UniqueFd&& socket, AddressFamily family, IOLoop& loop,
                     const UDPOptions& options) {
  const NativeFd fd = socket.get();
  set_nonblocking(fd);
  hear_errors(fd, false);
  if (options.packet_info) succeed(tell_packet_info(fd, family), "IP_PKTINFO", fd);
  if (options.reuse_port) succeed(share_port(fd), "SO_REUSEPORT", fd);
  core_ = std::make_shared<UDPCore>(std::move(socket), family, loop, options);
}

UDPSocket::UDPSocket(UDPSocket&&) noexcept = default;
UDPSocket& UDPSocket::operator=(UDPSocket&& other) noexcept {
  UDPSocket old(std::move(*this));
  core_ = std::move(other.core_);
  return *this;
}

// A loop that runs on another thread may be calling the core, and closes it.
UDPSocket::~UDPSocket() {
  if (!core_) return;
  const bool posted = core_->loop().runs_elsewhere() &&
                      core_->loop().add_callback([core = core_] { core->close(); });
  if (!posted) core_->close();
}

void UDPSocket::bind(const SocketAddress& address) {
  core_->check("bind");
  if (const std::error_code error = bind_to(fileno(), address)) {
    throw_error(error, "bind " + to_string(address));
  }
}

void UDPSocket::connect(const SocketAddress& peer) {
  core_->check("connect");
  if (const std::error_code error = begin_connect(fileno(), peer)) {
    throw_error(error, "connect " + to_string(peer));
  }
  hear_errors(fileno(), true);
}

detail::ReceiveWait UDPSocket::receive(std::optional<Delay> timeout, Location where) {
  return {core_, timeout, where};
}

detail::DatagramSendWait UDPSocket::send_to(std::string_view bytes,
                                            const SocketAddress& destination,
                                            std::optional<Delay> timeout,
                                            Location where) {
  core_->check("send");
  const OutgoingDatagram one{bytes, destination};
  return {core_, one, core_->send({&one, 1}), timeout, where};
}

detail::DatagramSendWait UDPSocket::send(std::string_view bytes,
                                         std::optional<Delay> timeout, Location where) {
  return send_to(bytes, {}, timeout, where);
}

detail::BatchSendWait UDPSocket::send_batch(std::span<const OutgoingDatagram> datagrams,
                                            std::optional<Delay> timeout,
                                            Location where) {
  core_->check("send");
  return {core_, datagrams, core_->send(datagrams), timeout, where};
}

void UDPSocket::set_error_callback(ErrorCallback callback) {
  core_->set_error_callback(std::move(callback));
}

void UDPSocket::join_group(const SocketAddress& group, unsigned interface_index) {
  const std::error_code error =
      change_groups(fileno(), MCAST_JOIN_GROUP, group, interface_index);
  if (error) throw_error(error, "join " + to_string(group));
}

void UDPSocket::leave_group(const SocketAddress& group, unsigned interface_index) {
  const std::error_code error =
      change_groups(fileno(), MCAST_LEAVE_GROUP, group, interface_index);
  if (error) throw_error(error, "leave " + to_string(group));
}

void UDPSocket::set_multicast_interface(unsigned interface_index) {
  succeed(tornado::set_multicast_interface(fileno(), core_->family(), interface_index),
          "IP_MULTICAST_IF", fileno());
}

void UDPSocket::set_multicast_ttl(int ttl) {
  const bool v6 = core_->family() == AddressFamily::ipv6;
  succeed(set_option(fileno(), v6 ? IPPROTO_IPV6 : IPPROTO_IP,
                     v6 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL, ttl),
          "IP_MULTICAST_TTL", fileno());
}

void UDPSocket::set_multicast_loop(bool on) {
  const bool v6 = core_->family() == AddressFamily::ipv6;
  succeed(set_option(fileno(), v6 ? IPPROTO_IPV6 : IPPROTO_IP,
                     v6 ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP, on),
          "IP_MULTICAST_LOOP", fileno());
}

void UDPSocket::set_broadcast(bool on) {
  succeed(set_option(fileno(), SOL_SOCKET, SO_BROADCAST, on), "SO_BROADCAST", fileno());
}

void UDPSocket::close() noexcept {
  core_->close();
}

bool UDPSocket::closed() const noexcept {
  return fileno() == invalid_fd;
}

NativeFd UDPSocket::fileno() const noexcept {
  return core_->fileno();
}

}  // namespace tornado
