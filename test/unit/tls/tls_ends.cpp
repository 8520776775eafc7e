// SPDX-License-Identifier: Apache-2.0
#include "tls_ends.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <cstdio>
#include <stdexcept>

#include "platform/tcp_pair.h"
#include "support/wait.h"
#include "tls/openssl.h"
#include "tornado/multi.h"

namespace tornado::test {
namespace {

using Key = detail::Owned<EVP_PKEY, EVP_PKEY_free>;
using Certificate = detail::OwnedX509;
using File = detail::Owned<std::FILE, std::fclose>;

void require(bool done, const char* act) {
  if (!done) throw std::runtime_error(act);
}

void add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const detail::Owned<X509_EXTENSION, X509_EXTENSION_free> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  require(extension && X509_add_ext(certificate, extension.get(), -1), "extension");
}

struct Identity {
  Key key;
  Certificate certificate;
};

Identity& the_authority() {
  static Identity identity;
  return identity;
}

/// Signed by `issuer`, or by itself.
Identity make_identity(const std::string& name, const CertificateOptions& options,
                       const Identity* issuer, bool signs) {
  static long serial = 1;
  Identity made{Key(options.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256")),
                Certificate(X509_new())};
  X509* const x509 = made.certificate.get();
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x509), options.begins);
  X509_gmtime_adj(X509_getm_notAfter(x509), options.ends);
  X509_set_pubkey(x509, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1,
                             -1, 0);
  const Identity& by = issuer ? *issuer : made;
  X509_set_issuer_name(x509, X509_get_subject_name(by.certificate.get()));
  add_extension(x509, by.certificate.get(), NID_basic_constraints,
                signs ? "critical,CA:TRUE" : "critical,CA:FALSE");
  std::string names;
  for (const std::string& host : options.names) {
    names +=
        (names.empty() ? "" : ",") + (host.starts_with("IP:") ? host : "DNS:" + host);
  }
  if (!signs && !names.empty()) {
    add_extension(x509, by.certificate.get(), NID_subject_alt_name, names.c_str());
  }
  require(X509_sign(x509, by.key.get(), EVP_sha256()) > 0, "sign");
  return made;
}

void write_identity(const std::string& path, const Identity& identity, bool with_key) {
  const File file(std::fopen(path.c_str(), "w"));
  require(file && PEM_write_X509(file.get(), identity.certificate.get()), "write");
  if (!with_key) return;
  require(PEM_write_PrivateKey(file.get(), identity.key.get(), nullptr, nullptr, 0,
                               nullptr, nullptr),
          "write");
}

}  // namespace

Certificates& Certificates::of_process() {
  static Certificates certificates;
  return certificates;
}

Certificates::Certificates() {
  std::string folder = (std::filesystem::temp_directory_path() / "tls-XXXXXX").string();
  require(::mkdtemp(folder.data()), "mkdtemp");
  folder_ = folder;
  the_authority() = make_identity("authority", {}, nullptr, true);
  write_identity(path("authority.pem"), the_authority(), false);
  write_identity(path("stranger.pem"), make_identity("stranger", {}, nullptr, true),
                 false);
}

// A forked child has it as well.
Certificates::~Certificates() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string Certificates::issue(const std::string& name,
                                const CertificateOptions& options) {
  std::string& file = issued_[name];
  if (file.empty()) {
    file = path(name + ".pem");
    write_identity(file, make_identity(name, options, &the_authority(), false), true);
  }
  return file;
}

std::string Certificates::issue_self_signed(const std::string& name) {
  const std::string file = path(name + ".pem");
  write_identity(file, make_identity(name, {}, nullptr, false), true);
  return file;
}

std::string Certificates::encrypt_key(const std::string& name, std::string password) {
  const File plain(std::fopen(issue(name).c_str(), "r"));
  const Key key(PEM_read_PrivateKey(plain.get(), nullptr, nullptr, nullptr));
  const std::string file = path(name + "-encrypted.pem");
  const File encrypted(std::fopen(file.c_str(), "w"));
  require(PEM_write_PrivateKey(encrypted.get(), key.get(), EVP_aes_256_cbc(), nullptr,
                               0, nullptr, password.data()),
          "write");
  return file;
}

SSLOptions server_options(TLSVersion most) {
  SSLOptions options;
  options.certificate_file = Certificates::of_process().issue("localhost");
  options.max_version = most;
  return options;
}

SSLOptions client_options() {
  SSLOptions options;
  options.ca_file = Certificates::of_process().authority();
  return options;
}

const SSLContext& server_context(TLSVersion most) {
  static const std::map<TLSVersion, SSLContext> contexts = {
      {TLSVersion::tls1_2, SSLContext::for_server(server_options(TLSVersion::tls1_2))},
      {TLSVersion::tls1_3, SSLContext::for_server(server_options())}};
  return contexts.at(most);
}

const SSLContext& client_context() {
  static const SSLContext context = SSLContext::for_client(client_options());
  return context;
}

namespace {

Task<void> both_handshakes(SSLIOStream& server, SSLIOStream& client) {
  const auto wait = [](SSLIOStream& stream) -> Task<void> {
    co_await stream.wait_for_handshake();
  };
  co_await multi(wait(server), wait(client));
}

Task<void> note_outcome(SSLIOStream& stream, std::string& text) {
  try {
    co_await stream.wait_for_handshake();
    // What the server refuses may be told after the client has finished.
    stream.write("x");
    (void)co_await stream.read_bytes(1);
  } catch (const StreamClosedError& error) {
    text = error.real_error() ? error.real_error().message() : "closed";
  }
}

}  // namespace

std::pair<IOStream, IOStream> open_tls_pair(IOLoop& loop, const StreamOptions& options,
                                            TLSVersion version) {
  FdPair ends = open_tcp_pair();
  SSLIOStream server(std::move(ends.first), loop, server_context(version), {}, options);
  SSLIOStream client(std::move(ends.second), loop, client_context(), "localhost",
                     options);
  loop.run_sync(both_handshakes(server, client), patience);
  return {std::move(server), std::move(client)};
}

HandshakeOutcome shake_hands(IOLoop& loop, const SSLContext& server,
                             const SSLContext& client, const std::string& host) {
  FdPair ends = open_tcp_pair();
  SSLIOStream first(std::move(ends.first), loop, server);
  SSLIOStream second(std::move(ends.second), loop, client, host);
  HandshakeOutcome outcome;
  constexpr auto both = [](SSLIOStream& a, SSLIOStream& b,
                           HandshakeOutcome& out) -> Task<void> {
    co_await multi(note_outcome(a, out.server), note_outcome(b, out.client));
  };
  loop.run_sync(both(first, second, outcome), patience);
  return outcome;
}

}  // namespace tornado::test
