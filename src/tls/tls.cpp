// SPDX-License-Identifier: Apache-2.0
#include "tornado/tls.h"

#include <utility>

#include "tls/tls_filter.h"
#include "tornado/gen.h"

namespace tornado {
namespace {

using detail::TLSFilter;
using TLSHandler = UniqueFunction<Task<void>(SSLIOStream stream, SocketAddress peer)>;

std::string text_or_empty(const char* text) {
  return text ? text : std::string();
}

Task<void> serve(SSLContext context, std::shared_ptr<TLSHandler> handler,
                 IOStream plain, SocketAddress peer) {
  SSLIOStream stream = co_await start_tls(std::move(plain), std::move(context));
  co_await (*handler)(std::move(stream), std::move(peer));
}

}  // namespace

SSLIOStream::SSLIOStream(UniqueFd socket, const SSLContext& context,
                         const std::string& host, const StreamOptions& options)
    : SSLIOStream(std::move(socket), *IOLoop::current(), context, host, options) {}

SSLIOStream::SSLIOStream(UniqueFd socket, IOLoop& loop, const SSLContext& context,
                         const std::string& host, const StreamOptions& options)
    : SSLIOStream(IOStream(std::move(socket), loop, options), context, host) {}

SSLIOStream::SSLIOStream(IOStream plain, const SSLContext& context,
                         const std::string& host)
    : SSLIOStream(std::move(plain), std::make_shared<TLSFilter>(context, host)) {}

SSLIOStream::SSLIOStream(IOStream plain, std::shared_ptr<TLSFilter> filter)
    : IOStream(std::move(plain)), filter_(std::move(filter)) {
  set_filter(filter_);
}

std::string SSLIOStream::version() const {
  return filter_->established() ? SSL_get_version(filter_->ssl()) : "";
}

std::string SSLIOStream::cipher() const {
  if (!filter_->established()) return {};
  return text_or_empty(SSL_get_cipher_name(filter_->ssl()));
}

std::string SSLIOStream::alpn() const {
  if (!filter_->established()) return {};
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(filter_->ssl(), &chosen, &size);
  return {reinterpret_cast<const char*>(chosen), size};
}

std::string SSLIOStream::server_name() const {
  if (!filter_->established()) return {};
  return text_or_empty(SSL_get_servername(filter_->ssl(), TLSEXT_NAMETYPE_host_name));
}

bool SSLIOStream::session_reused() const {
  return filter_->established() && SSL_session_reused(filter_->ssl()) == 1;
}

std::optional<PeerCertificate> SSLIOStream::peer_certificate() const {
  if (!filter_->established()) return std::nullopt;
  return detail::read_peer_certificate(filter_->ssl());
}

void* SSLIOStream::native_handle() const noexcept {
  return filter_->ssl();
}

Task<SSLIOStream> start_tls(IOStream stream, SSLContext context, std::string host) {
  co_await stream.flush();
  SSLIOStream protected_stream(std::move(stream), context, host);
  co_await protected_stream.wait_for_handshake();
  co_return protected_stream;
}

Task<SSLIOStream> connect_tls(TCPClient& client, std::string host, std::uint16_t port,
                              SSLContext context, const ConnectOptions& options) {
  using Filter = std::shared_ptr<TLSFilter>;
  constexpr auto connect = [](TCPClient& by, Filter filter, std::string name,
                              std::uint16_t number,
                              ConnectOptions how) -> Task<SSLIOStream> {
    IOStream plain = co_await by.connect(std::move(name), number, how);
    SSLIOStream stream(std::move(plain), std::move(filter));
    co_await stream.wait_for_handshake();
    co_return stream;
  };
  auto filter = std::make_shared<TLSFilter>(context, host, port);
  ConnectOptions how = options;
  how.timeout.reset();
  Task<SSLIOStream> task =
      connect(client, std::move(filter), std::move(host), port, std::move(how));
  if (!options.timeout) return task;
  return with_timeout(*options.timeout, std::move(task));
}

TCPServer::Handler with_tls(SSLContext context, TLSHandler handler) {
  return [context = std::move(context),
          handler = std::make_shared<TLSHandler>(std::move(handler))](
             IOStream plain, SocketAddress peer) {
    return serve(context, handler, std::move(plain), std::move(peer));
  };
}

}  // namespace tornado
