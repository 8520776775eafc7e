// SPDX-License-Identifier: Apache-2.0
// What OpenSSL asks during a connection.
#include <algorithm>
#include <cctype>
#include <string>

#include "tls/tls_filter.h"
#include "tls/tls_state.h"

namespace tornado::detail {
namespace {

// Null: the server's own certificate. OpenSSL keeps a count of what is set.
std::shared_ptr<TLSGeneration> certificate_for(const SSLOptions& options,
                                               const std::string& name) {
  auto found = options.names.find(name);
  const std::size_t dot = name.find('.');
  if (found == options.names.end() && dot != name.npos) {
    found = options.names.find('*' + name.substr(dot));
  }
  if (found == options.names.end()) return nullptr;
  return TLSState::of(found->second).current();
}

int choose_certificate(SSL* ssl, int*, void*) noexcept {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!name) return SSL_TLSEXT_ERR_NOACK;
  try {
    const auto other =
        certificate_for(TLSFilter::of(ssl).generation().options, lower_case(name));
    if (other) SSL_set_SSL_CTX(ssl, other->context.get());
    return SSL_TLSEXT_ERR_OK;
  } catch (const std::bad_alloc&) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
}

int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* size,
                    const unsigned char* offered, unsigned offered_size,
                    void*) noexcept {
  const std::string& ours = TLSFilter::of(ssl).generation().alpn;
  if (ours.empty()) return SSL_TLSEXT_ERR_NOACK;
  unsigned char* chosen = nullptr;
  const int result = SSL_select_next_proto(
      &chosen, size, reinterpret_cast<const unsigned char*>(ours.data()),
      static_cast<unsigned>(ours.size()), offered, offered_size);
  *out = chosen;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK
                                          : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int keep_session(SSL* ssl, SSL_SESSION* session) noexcept {
  if (SSL_SESSION_is_resumable(session) != 1) return 0;
  TLSFilter::of(ssl).keep_session(OwnedSession(session));
  return 1;  // it is ours
}

void count_message(int sent, int, int type, const void*, size_t, SSL* ssl,
                   void*) noexcept {
  if (sent == 0 && (type == SSL3_RT_HANDSHAKE || type == SSL3_RT_ALERT)) {
    TLSFilter::of(ssl).count_message();
  }
}

}  // namespace

std::string lower_case(std::string name) {
  std::ranges::transform(name, name.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return name;
}

void set_tls_callbacks(SSL_CTX* context, TLSSide side) {
  SSL_CTX_set_msg_callback(context, count_message);
  if (side == TLSSide::client) {
    SSL_CTX_sess_set_new_cb(context, keep_session);
  } else {
    SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  }
}

}  // namespace tornado::detail
