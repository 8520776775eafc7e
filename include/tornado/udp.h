// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Sockets that send and receive datagrams.

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "tornado/address.h"
#include "tornado/callback.h"
#include "tornado/fd.h"
#include "tornado/ioloop.h"
#include "tornado/result.h"
#include "tornado/task.h"
#include "tornado/wait_line.h"

#pragma push_macro("fileno")
#undef fileno

namespace tornado {

/// A datagram that has arrived. Its bytes and addresses belong to the socket. They are
/// valid until its next receive(), and while it exists.
struct Datagram {
  std::string_view bytes;
  const SocketAddress& source;
  /// With UDPOptions::packet_info, the address that the datagram was sent to, without
  /// its port. Otherwise empty.
  const SocketAddress& local;
  /// With UDPOptions::packet_info, the number of the interface. Otherwise 0.
  unsigned interface_index = 0;
  /// The datagram was longer than UDPOptions::max_datagram_size. Its end is lost.
  bool truncated = false;
};
using DatagramBatch = std::span<const Datagram>;

struct OutgoingDatagram {
  std::string_view bytes;
  /// Empty: the peer of connect().
  SocketAddress destination = {};
};

struct BatchSent {
  /// How many datagrams the kernel has taken, from the first.
  std::size_t count = 0;
  /// Why the kernel refused the next one. No error if it took all.
  std::error_code error = {};
};

struct UDPOptions {
  /// The room for each of the 32 datagrams that one receive() can give. The default
  /// holds every datagram. The socket reserves 32 times as much, and uses memory only
  /// for the bytes that arrive. A smaller value prevents UDP_GRO.
  std::size_t max_datagram_size = 65535;
  /// Each datagram tells its local address and its interface.
  bool packet_info = false;
  /// SO_REUSEPORT: several sockets share a port. The kernel spreads datagrams among
  /// them, and gives multicast datagrams to each. std::errc::not_supported where the
  /// system has no such option.
  bool reuse_port = false;
};

namespace detail {

class UDPCore;

class TORNADO_API ReceiveWait final : public LineWait {
 public:
  ReceiveWait(std::shared_ptr<UDPCore> core, std::optional<Delay> timeout,
              std::source_location where) noexcept;
  ~ReceiveWait();
  bool ready();
  void suspend();
  DatagramBatch result();
  template <ResultHandler<DatagramBatch> F>
  void call(F done) && {
    loop_to_call().spawn_callback(run(core_, limit_, where(), std::move(done)));
  }

 private:
  [[nodiscard]] IOLoop& loop_to_call() const;
  template <class F>
  static Task<void> run(std::shared_ptr<UDPCore> core, std::optional<Delay> timeout,
                        std::source_location where, F done);

  std::shared_ptr<UDPCore> core_;
  std::optional<Delay> limit_;
};

template <class F>
Task<void> ReceiveWait::run(std::shared_ptr<UDPCore> core, std::optional<Delay> timeout,
                            std::source_location where, F done) {
  DatagramBatch batch;
  std::exception_ptr failure;
  try {
    batch = co_await ReceiveWait(core, timeout, where);
  } catch (const std::system_error& error) {
    if (error.code() == Errc::abandoned) co_return;
    failure = std::current_exception();
  }
  done(Result<DatagramBatch>::of([&] {
    if (failure) std::rethrow_exception(failure);
    return batch;
  }));
}

/// A wait for room in the kernel.
class TORNADO_API SendWait : public LineWait {
 public:
  bool ready();
  void suspend();

 protected:
  SendWait(std::shared_ptr<UDPCore> core, std::span<const OutgoingDatagram> all,
           BatchSent sent, std::optional<Delay> timeout,
           std::source_location where) noexcept;
  ~SendWait();
  BatchSent take();

 private:
  friend class UDPCore;
  std::shared_ptr<UDPCore> core_;
  std::span<const OutgoingDatagram> all_;
  BatchSent sent_;
  bool waited_ = false;
};

class TORNADO_API DatagramSendWait final : public SendWait {
 public:
  DatagramSendWait(std::shared_ptr<UDPCore> core, const OutgoingDatagram& one,
                   BatchSent sent, std::optional<Delay> timeout,
                   std::source_location where) noexcept;
  void result();

 private:
  OutgoingDatagram one_;
};

class TORNADO_API BatchSendWait final : public SendWait {
 public:
  BatchSendWait(std::shared_ptr<UDPCore> core, std::span<const OutgoingDatagram> all,
                BatchSent sent, std::optional<Delay> timeout,
                std::source_location where) noexcept
      : SendWait(std::move(core), all, sent, timeout, where) {}
  BatchSent result() { return take(); }
};

}  // namespace detail

/// A UDP socket, which tasks read and write. It owns its descriptor, and belongs to the
/// thread of its loop. An error of one datagram or one peer leaves the socket open.
///
/// A socket may be closed, moved and destroyed at any time: in its error callback, and
/// while tasks wait for it. The waits throw Errc::abandoned then. A cancelled or
/// destroyed task loses no datagram: the next receive() gives it.
///
/// Errors: Errc::wrong_thread and Errc::loop_closed as of IOLoop, and
/// std::errc::bad_file_descriptor on a closed socket. Others are std::system_error with
/// the system's code.
class TORNADO_API UDPSocket {
 public:
  using Location = std::source_location;
  /// `destination` is where the datagram went that met `error`.
  using ErrorCallback =
      UniqueFunction<void(const SocketAddress& destination, std::error_code error)>;

  /// A new socket for the current loop or for `loop`. A socket of IPv6 has IPV6_V6ONLY.
  explicit UDPSocket(AddressFamily family, const UDPOptions& options = {});
  UDPSocket(AddressFamily family, IOLoop& loop, const UDPOptions& options = {});
  /// Takes an existing socket of datagrams.
  UDPSocket(UniqueFd socket, IOLoop& loop, const UDPOptions& options = {});
  UDPSocket(UDPSocket&&) noexcept;
  UDPSocket& operator=(UDPSocket&&) noexcept;
  /// As close(). On another thread while the loop runs, the loop closes it in its next
  /// turn.
  ~UDPSocket();

  void bind(const SocketAddress& address);
  /// From now on the socket hears this peer alone, and send() sends to it.
  void connect(const SocketAddress& peer);

  /// The datagrams that have arrived, at least one, by one system call. A system call
  /// gives 32 messages at most (one, except on Linux); with UDP_GRO the kernel puts
  /// several datagrams into a message. One receive at a time, otherwise
  /// std::errc::operation_in_progress. Throws Errc::timed_out. Without an error
  /// callback a connected socket throws here what ICMP has told, such as
  /// std::errc::connection_refused.
  ///
  /// The callback form is `receive().call(f)`. A task of the loop calls
  /// `f(Result<DatagramBatch>)` once. A socket that is destroyed, and a loop that
  /// closes, destroy `f` without calling it.
  [[nodiscard]] detail::ReceiveWait receive(std::optional<Delay> timeout = {},
                                            Location where = Location::current());

  /// @name Sending
  /// Each call hands its datagrams to the kernel at once. To await it is to wait for
  /// room if the kernel has none; `bytes` must live until then. Without an await the
  /// remaining datagrams are lost.
  /// @{
  /// Throws why the kernel refused the datagram, such as std::errc::message_size, or
  /// Errc::timed_out.
  detail::DatagramSendWait send_to(std::string_view bytes,
                                   const SocketAddress& destination,
                                   std::optional<Delay> timeout = {},
                                   Location where = Location::current());
  /// To the peer of connect().
  detail::DatagramSendWait send(std::string_view bytes,
                                std::optional<Delay> timeout = {},
                                Location where = Location::current());
  /// Sends in order until the kernel refuses one: `error` says why, and the caller may
  /// go on with the next one. Linux takes 32 messages in one system call. There the
  /// datagrams of one size to one destination, which follow each other, are one message
  /// (UDP_SEGMENT). Errc::timed_out is such an error, too.
  detail::BatchSendWait send_batch(std::span<const OutgoingDatagram> datagrams,
                                   std::optional<Delay> timeout = {},
                                   Location where = Location::current());
  /// @}

  /// The loop calls `callback` with each error that ICMP tells of a datagram
  /// (IP_RECVERR). receive() and the sends do not throw these errors then. Replaces the
  /// callback before; null removes it. With PollerKind::select, only while a task
  /// waits. Systems other than Linux tell such errors of connected sockets alone, and
  /// receive() throws them. They do not call the callback.
  void set_error_callback(ErrorCallback callback);

  /// @name Multicast and broadcast
  /// Interfaces have the numbers of if_nametoindex(); 0 lets the system choose.
  /// @{
  void join_group(const SocketAddress& group, unsigned interface_index = 0);
  void leave_group(const SocketAddress& group, unsigned interface_index = 0);
  /// Where multicast datagrams leave.
  void set_multicast_interface(unsigned interface_index);
  /// How many routers a multicast datagram may pass, plus 1. The default is 1.
  void set_multicast_ttl(int ttl);
  /// Whether this host gets its own multicast datagrams. The default is true.
  void set_multicast_loop(bool on);
  /// Allows send_to() a broadcast address. The default is false.
  void set_broadcast(bool on);
  /// @}

  /// No effect on a closed socket.
  void close() noexcept;
  [[nodiscard]] bool closed() const noexcept;
  /// invalid_fd once it is closed. The descriptor stays the socket's.
  [[nodiscard]] NativeFd fileno() const noexcept;

 private:
  UDPSocket(UniqueFd&& socket, AddressFamily family, IOLoop& loop,
            const UDPOptions& options);

  std::shared_ptr<detail::UDPCore> core_;  // null once it is moved from
};

}  // namespace tornado

#pragma pop_macro("fileno")
