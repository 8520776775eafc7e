// SPDX-License-Identifier: Apache-2.0
#include "tls/tls_state.h"

#include <utility>

#include "platform/system_error.h"

namespace tornado {
namespace detail {
namespace {

constexpr std::size_t most_peers = 1024;
constexpr std::size_t most_sessions = 4;  // of one peer
constexpr unsigned most_tickets = 16;

[[noreturn]] void refuse(const char* why) {
  throw_error(std::make_error_code(std::errc::invalid_argument), why);
}

void require(int result, const char* act, const std::string& name) {
  if (result != 1) throw_tls_error(std::string(act) + " \"" + name + '"');
}

std::string alpn_on_the_wire(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& protocol : protocols) {
    if (protocol.empty() || protocol.size() > 255) refuse("SSLOptions::alpn");
    wire += static_cast<char>(protocol.size());
    wire += protocol;
  }
  return wire;
}

int number_of(TLSVersion version) {
  return version == TLSVersion::tls1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

// Released buffers make an idle connection small, and reading ahead takes one call for
// each record.
void set_modes(SSL_CTX* context, const SSLOptions& options) {
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (options.tickets == 0) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  if (!SSL_CTX_set_num_tickets(context, options.tickets)) throw_tls_error("tickets");
  if (!SSL_CTX_set_min_proto_version(context, number_of(options.min_version)) ||
      !SSL_CTX_set_max_proto_version(context, number_of(options.max_version))) {
    throw_tls_error("SSLOptions::min_version");
  }
  require(SSL_CTX_set_cipher_list(context, options.ciphers.c_str()), "ciphers",
          options.ciphers);
}

// By itself OpenSSL asks at the terminal.
int give_password(char* to, int size, int, void* password) noexcept {
  const std::string& text = *static_cast<const std::string*>(password);
  if (text.empty() || text.size() > static_cast<std::size_t>(size)) return -1;
  text.copy(to, text.size());
  return static_cast<int>(text.size());
}

void read_certificate(SSL_CTX* context, const SSLOptions& options) {
  const std::string& file = options.certificate_file;
  if (file.empty()) return;
  std::string password = options.key_password;
  SSL_CTX_set_default_passwd_cb(context, give_password);
  SSL_CTX_set_default_passwd_cb_userdata(context, &password);
  const std::string& key = options.key_file.empty() ? file : options.key_file;
  require(SSL_CTX_use_certificate_chain_file(context, file.c_str()), "certificate_file",
          file);
  require(SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM),
          "key_file", key);
  require(SSL_CTX_check_private_key(context), "key_file", key);
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
}

void read_authorities(SSL_CTX* context, TLSSide side, const SSLOptions& options) {
  const std::string& file = options.ca_file;
  const std::string& folder = options.ca_folder;
  if (!file.empty()) {
    require(SSL_CTX_load_verify_file(context, file.c_str()), "ca_file", file);
    if (side == TLSSide::server) {
      SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(file.c_str()));
    }
  }
  if (!folder.empty()) {
    require(SSL_CTX_load_verify_dir(context, folder.c_str()), "ca_folder", folder);
  }
  if (file.empty() && folder.empty() && side == TLSSide::client) {
    require(SSL_CTX_set_default_verify_paths(context), "ca_file", "of the system");
  }
}

int verify_mode(TLSSide side, const SSLOptions& options) {
  if (side == TLSSide::client) {
    return options.server_check == ServerCheck::insecure_nothing ? SSL_VERIFY_NONE
                                                                 : SSL_VERIFY_PEER;
  }
  switch (options.client_certificates) {
    case ClientCertificates::none:
      return SSL_VERIFY_NONE;
    case ClientCertificates::optional:
      return SSL_VERIFY_PEER;
    case ClientCertificates::required:
      return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  return SSL_VERIFY_PEER;
}

// A server's sessions are in its tickets alone.
void set_sessions(SSL_CTX* context, TLSSide side) {
  if (side == TLSSide::client) {
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    return;
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  constexpr unsigned char id[] = "tornado";
  SSL_CTX_set_session_id_context(context, id, sizeof id - 1);
}

// As names are compared.
std::map<std::string, SSLContext> in_lower_case(
    const std::map<std::string, SSLContext>& names) {
  std::map<std::string, SSLContext> lower;
  for (const auto& [name, context] : names) lower.emplace(lower_case(name), context);
  return lower;
}

void check_options(TLSSide side, const SSLOptions& options) {
  if (side == TLSSide::server && options.certificate_file.empty()) {
    refuse("SSLContext: a server needs a certificate_file");
  }
  if (options.tickets > most_tickets) refuse("SSLOptions::tickets is at most 16");
  if (options.min_version > options.max_version) {
    refuse("SSLOptions::min_version is above max_version");
  }
  if (options.handshake_timeout.get() <= std::chrono::nanoseconds(0)) {
    refuse("SSLOptions::handshake_timeout");
  }
  for (const auto& [name, context] : options.names) {
    if (TLSState::of(context).side() != side) {
      refuse("SSLOptions::names: a context for clients");
    }
  }
}

}  // namespace

void SessionCache::put(const std::string& peer, OwnedSession session) {
  const std::lock_guard lock(mutex_);
  if (sessions_.size() >= most_peers && !sessions_.contains(peer)) {
    sessions_.erase(sessions_.begin());
  }
  std::vector<OwnedSession>& known = sessions_[peer];
  if (known.size() == most_sessions) known.erase(known.begin());
  known.push_back(std::move(session));
}

OwnedSession SessionCache::take(const std::string& peer) {
  const std::lock_guard lock(mutex_);
  const auto known = sessions_.find(peer);
  if (known == sessions_.end()) return nullptr;
  SSL_SESSION* const newest = known->second.back().get();
  if (SSL_SESSION_get_protocol_version(newest) < TLS1_3_VERSION) {
    SSL_SESSION_up_ref(newest);
    return OwnedSession(newest);
  }
  OwnedSession taken = std::move(known->second.back());
  known->second.pop_back();
  if (known->second.empty()) sessions_.erase(known);
  return taken;
}

TLSState::TLSState(TLSSide side, const SSLOptions& options)
    : side_(side), options_(options), current_(read(side, options)) {}

std::shared_ptr<TLSGeneration> TLSState::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void TLSState::reload() {
  std::shared_ptr<TLSGeneration> next = read(side_, options_);
  const std::lock_guard lock(mutex_);
  current_.swap(next);
}

std::shared_ptr<TLSGeneration> TLSState::read(TLSSide side, const SSLOptions& options) {
  check_options(side, options);
  forget_tls_errors();
  auto made = std::make_shared<TLSGeneration>();
  made->options = options;
  made->options.names = in_lower_case(options.names);
  made->alpn = alpn_on_the_wire(options.alpn);
  made->context.reset(
      SSL_CTX_new(side == TLSSide::client ? TLS_client_method() : TLS_server_method()));
  SSL_CTX* const context = made->context.get();
  if (!context) throw_tls_error("SSL_CTX_new");
  set_modes(context, options);
  read_certificate(context, options);
  read_authorities(context, side, options);
  SSL_CTX_set_verify(context, verify_mode(side, options), nullptr);
  set_sessions(context, side);
  set_tls_callbacks(context, side);
  forget_tls_errors();
  return made;
}

}  // namespace detail

SSLContext::SSLContext(std::shared_ptr<detail::TLSState> state) noexcept
    : state_(std::move(state)) {}

SSLContext SSLContext::for_client(const SSLOptions& options) {
  return SSLContext(
      std::make_shared<detail::TLSState>(detail::TLSSide::client, options));
}

SSLContext SSLContext::for_client() {
  return for_client(SSLOptions());
}

SSLContext SSLContext::for_server(const SSLOptions& options) {
  return SSLContext(
      std::make_shared<detail::TLSState>(detail::TLSSide::server, options));
}

void SSLContext::reload() {
  state_->reload();
}

}  // namespace tornado
