// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// TLS 1.2 and 1.3 for streams, servers and clients, by OpenSSL. The library
/// `tornado::tls` holds it; the core needs no OpenSSL.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "tornado/address.h"
#include "tornado/callback.h"
#include "tornado/fd.h"
#include "tornado/iostream.h"
#include "tornado/task.h"
#include "tornado/tcp_client.h"
#include "tornado/tcp_server.h"
#include "tornado/time.h"

namespace tornado {

namespace detail {
class TLSFilter;
class TLSState;
}  // namespace detail

/// Why a connection was refused or has broken off.
enum class TLSErrc {
  truncated = 1,      ///< the connection ended without a close_notify of the peer
  wrong_host,         ///< the certificate is not for this host
  expired,            ///< the certificate is past its time
  not_yet_valid,      ///< the time of the certificate has not begun
  self_signed,        ///< the peer signed its certificate itself
  unknown_authority,  ///< no trusted authority signed the certificate
  revoked,            ///< the authority has revoked the certificate
  no_certificate,     ///< the peer has sent no certificate
  too_many_messages,  ///< the peer sends messages of the protocol, and no bytes
};

/// The category "tornado.tls". Values beyond TLSErrc are OpenSSL's own.
TORNADO_API const std::error_category& tls_category() noexcept;

inline std::error_code make_error_code(TLSErrc e) noexcept {
  return {static_cast<int>(e), tls_category()};
}

enum class TLSVersion : std::uint8_t { tls1_2, tls1_3 };

/// What a client verifies of its server.
enum class ServerCheck : std::uint8_t {
  chain_and_name,
  insecure_chain_only,  ///< any host with a certificate of a trusted authority will do
  insecure_nothing,     ///< anyone can read and change what is sent
};

/// What a server asks of its clients.
enum class ClientCertificates : std::uint8_t { none, optional, required };

struct SSLOptions;

/// The certificates and rules of many connections. Copies share one state, which any
/// thread may use at any time.
class TORNADO_API SSLContext {
 public:
  /// Throws std::system_error that names the file which cannot be used.
  [[nodiscard]] static SSLContext for_client(const SSLOptions& options);
  [[nodiscard]] static SSLContext for_client();
  /// SSLOptions::certificate_file is required: std::errc::invalid_argument.
  [[nodiscard]] static SSLContext for_server(const SSLOptions& options);

  /// Reads the files again, for connections that begin from now on. Connections that
  /// live keep what they have. Sessions and tickets end. Throws as for_server(), and
  /// the context is as before then. Blocks while it reads.
  void reload();

 private:
  friend class detail::TLSFilter;
  friend class detail::TLSState;
  explicit SSLContext(std::shared_ptr<detail::TLSState> state) noexcept;

  std::shared_ptr<detail::TLSState> state_;
};

/// The defaults are the safe choice. Files are in PEM.
struct SSLOptions {
  /// The certificate, followed by those that lead to its authority.
  std::string certificate_file = {};
  /// Empty: the key is in certificate_file.
  std::string key_file = {};
  /// Of an encrypted key, which is refused without it.
  std::string key_password = {};
  /// The trusted authorities. Without a file and a folder a client takes the system's,
  /// and a server trusts none.
  std::string ca_file = {};
  std::string ca_folder = {};
  ServerCheck server_check = ServerCheck::chain_and_name;
  ClientCertificates client_certificates = ClientCertificates::none;
  TLSVersion min_version = TLSVersion::tls1_2;
  TLSVersion max_version = TLSVersion::tls1_3;
  /// OpenSSL's list of ciphers for TLS 1.2. Those of TLS 1.3 are all safe.
  std::string ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
  /// The protocols of ALPN, the best first. A server refuses a client that offers
  /// others only.
  std::vector<std::string> alpn = {};
  /// A server's certificates for other names, such as "a.example" or "*.a.example". A
  /// connection takes the certificate alone from there.
  std::map<std::string, SSLContext> names = {};
  /// True: a connection that ends without close_notify ends as if all had arrived. An
  /// attacker can then cut an answer, unless the protocol tells its length.
  bool ignore_missing_close_notify = false;
  /// How many tickets a server sends for later connections. 0: no resumption.
  unsigned tickets = 2;
  /// After this time a handshake closes the stream, with Errc::timed_out.
  Delay handshake_timeout = std::chrono::seconds(60);
};

/// What a peer has shown of itself.
struct PeerCertificate {
  std::string subject;
  std::string issuer;
  std::vector<std::string> names;  ///< the host names and addresses it is for
  std::string sha256;              ///< its fingerprint, in hexadecimal digits
  std::string pem;
};

/// A stream over TLS. The handshake begins with the first operation, and each operation
/// waits for it. Its failure closes the stream: operations throw StreamClosedError, and
/// real_error() is a TLSErrc or of tls_category().
///
/// The end of input is a close_notify of the peer. A connection that ends without it is
/// TLSErrc::truncated, and one that is reset has that error. close() and finish() send
/// a close_notify, close() only if all that was written has been sent.
class TORNADO_API SSLIOStream : public IOStream {
 public:
  /// Over a socket, connected or not. A client names the host that it wants: it is
  /// verified, and told to the server unless it is an IP address. A client that
  /// verifies names needs one: std::errc::invalid_argument.
  SSLIOStream(UniqueFd socket, const SSLContext& context, const std::string& host = {},
              const StreamOptions& options = {});
  SSLIOStream(UniqueFd socket, IOLoop& loop, const SSLContext& context,
              const std::string& host = {}, const StreamOptions& options = {});
  /// As start_tls(), but everything written must have been sent:
  /// std::errc::operation_in_progress.
  SSLIOStream(IOStream plain, const SSLContext& context, const std::string& host = {});

  /// After a timeout or a cancellation the stream is closed.
  [[nodiscard]] detail::ConnectWait wait_for_handshake(
      std::optional<Delay> timeout = {}) {
    return IOStream::wait_for_handshake(timeout);
  }

  /// @name After the handshake
  /// Empty before it.
  /// @{
  /// "TLSv1.3"
  [[nodiscard]] std::string version() const;
  [[nodiscard]] std::string cipher() const;
  /// The protocol that both have agreed on; empty for none.
  [[nodiscard]] std::string alpn() const;
  /// The host that the client has asked for.
  [[nodiscard]] std::string server_name() const;
  /// Whether it continues the session of an earlier connection.
  [[nodiscard]] bool session_reused() const;
  [[nodiscard]] std::optional<PeerCertificate> peer_certificate() const;
  /// @}
  /// OpenSSL's SSL*, for what is not here. It lives as long as the stream.
  [[nodiscard]] void* native_handle() const noexcept;

 private:
  friend TORNADO_API Task<SSLIOStream> connect_tls(TCPClient& client, std::string host,
                                                   std::uint16_t port,
                                                   SSLContext context,
                                                   const ConnectOptions& options);
  SSLIOStream(IOStream plain, std::shared_ptr<detail::TLSFilter> filter);

  std::shared_ptr<detail::TLSFilter> filter_;
};

/// Goes on with TLS on a stream that is in use: sends what was written, then performs
/// the handshake. What has arrived and was not read counts as ciphertext: no byte that
/// came before is ever read as protected. No task may read the stream.
[[nodiscard]] TORNADO_API Task<SSLIOStream> start_tls(IOStream stream,
                                                      SSLContext context,
                                                      std::string host = {});

/// Connects as TCPClient::connect() does, then performs the handshake with `host`.
/// ConnectOptions::timeout is for all of it. `client` must outlive the task.
[[nodiscard]] TORNADO_API Task<SSLIOStream> connect_tls(
    TCPClient& client, std::string host, std::uint16_t port, SSLContext context,
    const ConnectOptions& options = {});

/// A handler for TCPServer that performs the handshake in the task of each connection:
///
///   TCPServer server(with_tls(context, [](SSLIOStream stream, SocketAddress) -> Task<>
///   {
///     for (;;) co_await stream.write(co_await stream.read_until("\n"));
///   }));
///
/// A handshake that fails ends the connection, and `handler` is not called.
[[nodiscard]] TORNADO_API TCPServer::Handler with_tls(
    SSLContext context,
    UniqueFunction<Task<void>(SSLIOStream stream, SocketAddress peer)> handler);

}  // namespace tornado

template <>
struct std::is_error_code_enum<tornado::TLSErrc> : std::true_type {};
