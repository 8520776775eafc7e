// SPDX-License-Identifier: Apache-2.0
#include "tls_programs.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "peer.h"

namespace tornado::test {
namespace {

using Argv = std::vector<std::string>;

std::string at(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

bool is_old(const TLSWish& wish) {
  return wish.version == TLSVersion::tls1_2;
}

void add(Argv& argv, const Argv& words, bool wanted = true) {
  if (wanted) argv.insert(argv.end(), words.begin(), words.end());
}

// Of both s_client and s_server.
void add_openssl_words(Argv& argv, const TLSWish& wish) {
  const std::string& identity = wish.identity;
  add(argv, {is_old(wish) ? "-tls1_2" : "-tls1_3"});
  add(argv, {"-cert", identity, "-key", identity}, !identity.empty());
  add(argv, {"-CAfile", wish.trust}, !wish.trust.empty());
  add(argv, {"-alpn", wish.alpn}, !wish.alpn.empty());
  add(argv, {is_old(wish) ? "-cipher" : "-ciphersuites", wish.cipher},
      !wish.cipher.empty());
}

Argv openssl_client(const TLSWish& wish) {
  Argv argv = {"openssl",          "s_client",    "-connect",
               at(wish.port),      "-servername", "localhost",
               "-verify_hostname", "localhost",   "-verify_return_error",
               "-ign_eof"};
  add_openssl_words(argv, wish);
  const bool again = std::filesystem::exists(wish.session);
  add(argv, {again ? "-sess_in" : "-sess_out", wish.session}, !wish.session.empty());
  return argv;
}

Argv openssl_server(const TLSWish& wish) {
  Argv argv = {"openssl", "s_server", "-accept", at(wish.port), "-rev", "-quiet"};
  add(argv, {"-Verify", "2", "-verify_return_error"}, !wish.trust.empty());
  add_openssl_words(argv, wish);
  return argv;
}

std::string gnutls_priority(const TLSWish& wish) {
  const std::string version = is_old(wish) ? "+VERS-TLS1.2" : "+VERS-TLS1.3";
  std::string text = "--priority=NORMAL:-VERS-ALL:" + version;
  if (wish.cipher.empty()) return text;
  const bool small = wish.cipher.find("128") != std::string::npos;
  const bool chacha = wish.cipher.find("CHACHA") != std::string::npos;
  text += ":-CIPHER-ALL:";
  return text + (chacha  ? "+CHACHA20-POLY1305"
                 : small ? "+AES-128-GCM"
                         : "+AES-256-GCM");
}

// Of both gnutls-cli and gnutls-serv.
void add_gnutls_words(Argv& argv, const TLSWish& wish) {
  const std::string& identity = wish.identity;
  add(argv, {"--port=" + std::to_string(wish.port), gnutls_priority(wish)});
  add(argv, {"--x509cafile=" + wish.trust}, !wish.trust.empty());
  add(argv, {"--x509certfile=" + identity, "--x509keyfile=" + identity},
      !identity.empty());
  add(argv, {"--alpn=" + wish.alpn}, !wish.alpn.empty());
}

Argv gnutls_client(const TLSWish& wish) {
  Argv argv = {"gnutls-cli", "--sni-hostname=localhost", "--verify-hostname=localhost",
               "127.0.0.1"};
  add_gnutls_words(argv, wish);
  add(argv, {"--resume", "--waitresumption"}, !wish.session.empty());
  return argv;
}

Argv gnutls_server(const TLSWish& wish) {
  Argv argv = {"gnutls-serv", "--echo", "--quiet"};
  add(argv, {"--disable-client-cert"}, wish.trust.empty());
  add(argv, {"--require-client-cert", "--verify-client-cert"}, !wish.trust.empty());
  add_gnutls_words(argv, wish);
  return argv;
}

Argv botan_client(const TLSWish& wish) {
  Argv argv = {"botan",
               "tls_client",
               "localhost",
               "--port=" + std::to_string(wish.port),
               "--skip-system-cert-store",
               "--trusted-cas=" + wish.trust};
  add(argv, {"--next-protocols=" + wish.alpn}, !wish.alpn.empty());
  add(argv, {"--session-db=" + wish.session, "--session-db-pass=password"},
      !wish.session.empty());
  return argv;
}

// It wants a file of the key alone.
Argv botan_server(const TLSWish& wish) {
  const std::string key = wish.identity + ".key";
  std::stringstream text;
  text << std::ifstream(wish.identity).rdbuf();
  std::ofstream(key) << text.str().substr(text.str().find("-----BEGIN PRIVATE"));
  return {"botan", "tls_server", wish.identity, key,
          "--port=" + std::to_string(wish.port)};
}

// Of the scripts, and of the program over wolfSSL.
void add_words(Argv& argv, const TLSWish& wish) {
  add(argv, {"port=" + std::to_string(wish.port),
             std::string("version=") + (is_old(wish) ? "1.2" : "1.3")});
  add(argv, {"trust=" + wish.trust}, !wish.trust.empty());
  add(argv, {"identity=" + wish.identity}, !wish.identity.empty());
  add(argv, {"alpn=" + wish.alpn}, !wish.alpn.empty());
  add(argv, {"cipher=" + wish.cipher}, !wish.cipher.empty());
  add(argv, {"twice=yes"}, !wish.session.empty());
}

template <const auto&... words>
Argv script(const TLSWish& wish) {
  Argv argv = {words...};
  add_words(argv, wish);
  return argv;
}
constexpr char node[] = "node";
constexpr char node_peer[] = NODE_TLS_PEER;
constexpr char python[] = "python3";
constexpr char python_peer[] = PYTHON_TLS_PEER;
constexpr char wolfssl_peer[] = WOLFSSL_PEER;
constexpr char client[] = "client";
constexpr char server[] = "server";

Argv curl_client(const TLSWish& wish) {
  const std::string port = std::to_string(wish.port);
  const std::string url = "https://localhost:" + port + "/";
  Argv argv = {"curl",      "--silent",  "--show-error",
               "--noproxy", "*",         "--cacert",
               wish.trust,  "--resolve", "localhost:" + port + ":127.0.0.1",
               "--http1.1", "--tlsv1.2", "--tls-max"};
  add(argv, {is_old(wish) ? "1.2" : "1.3"});
  add(argv, {"--cert", wish.identity}, !wish.identity.empty());
  add(argv, {is_old(wish) ? "--ciphers" : "--tls13-ciphers", wish.cipher},
      !wish.cipher.empty());
  add(argv, {url}, !wish.session.empty());
  add(argv, {url});
  return argv;
}

const TLSRefusals of_openssl = {
    .wrong_host = "ostname mismatch",
    .expired = "certificate has expired",
    .self_signed = "self-signed certificate",
    .unknown_authority = "unable to get local issuer certificate"};
const TLSRefusals of_gnutls = {.wrong_host = "does not match",
                               .expired = "expired",
                               .self_signed = "issuer is unknown",
                               .unknown_authority = "issuer is unknown"};
const TLSRefusals of_curl = {
    .wrong_host = "no alternative certificate subject name matches",
    .expired = of_openssl.expired,
    .self_signed = of_openssl.self_signed,
    .unknown_authority = of_openssl.unknown_authority};
const TLSRefusals of_node = {.wrong_host = "ERR_TLS_CERT_ALTNAME_INVALID",
                             .expired = "CERT_HAS_EXPIRED",
                             .self_signed = "DEPTH_ZERO_SELF_SIGNED_CERT",
                             .unknown_authority = "UNABLE_TO_VERIFY_LEAF_SIGNATURE"};
const TLSRefusals of_botan = {.wrong_host = "Certificate does not match provided name",
                              .expired = "Certificate has expired",
                              .self_signed = "Cannot establish trust",
                              .unknown_authority = "Certificate issuer not found"};
const TLSRefusals of_wolfssl = {.wrong_host = "peer subject name mismatch",
                                .expired = "ASN date error, current date after",
                                .self_signed = "no authority",
                                .unknown_authority = "no authority"};

}  // namespace

std::vector<TLSProgram> tls_client_programs() {
  return {
      {.name = "openssl",
       .file = "openssl",
       .argv = openssl_client,
       .refusals = of_openssl,
       .starttls = {"-starttls", "smtp"}},
      {.name = "gnutls",
       .file = "gnutls-cli",
       .argv = gnutls_client,
       .refusals = of_gnutls,
       .starttls = {"--starttls-proto=smtp"}},
      {.name = "botan",
       .file = "botan",
       .argv = botan_client,
       .tls1_3 = false,
       .identity = false,
       .cipher = false,
       .refusals = of_botan,
       .goes_on = true},
      {.name = "wolfssl",
       .file = wolfssl_peer,
       .argv = script<wolfssl_peer, client>,
       .refusals = of_wolfssl},
      {.name = "node",
       .file = "node",
       .argv = script<node, node_peer, client>,
       .cipher = false,
       .refusals = of_node},
      {.name = "python",
       .file = python,
       .argv = script<python, python_peer, client>,
       .cipher = false,
       .refusals = of_openssl},
      {.name = "curl",
       .file = "curl",
       .argv = curl_client,
       .tickets = false,
       .refusals = of_curl},
  };
}

std::vector<TLSProgram> tls_server_programs() {
  return {
      {.name = "openssl",
       .file = "openssl",
       .argv = openssl_server,
       .answer = "0.1/PTTH / TEG"},
      {.name = "gnutls", .file = "gnutls-serv", .argv = gnutls_server},
      {.name = "botan",
       .file = "botan",
       .argv = botan_server,
       .tls1_3 = false,
       .identity = false,
       .cipher = false,
       .alpn = false},
      {.name = "wolfssl", .file = wolfssl_peer, .argv = script<wolfssl_peer, server>},
      {.name = "node",
       .file = "node",
       .argv = script<node, node_peer, server>,
       .cipher = false},
      {.name = "python",
       .file = python,
       .argv = script<python, python_peer, server>,
       .cipher = false},
  };
}

std::vector<std::string> with_errors(std::vector<std::string> argv) {
  argv.insert(argv.begin(), {"sh", "-c", "exec \"$@\" 2>&1", "sh"});
  return argv;
}

std::vector<TLSPeerCase> each_version(const std::vector<TLSProgram>& programs) {
  std::vector<TLSPeerCase> all;
  for (const TLSProgram& program : programs) {
    all.push_back({program, TLSVersion::tls1_2});
    if (program.tls1_3) all.push_back({program, TLSVersion::tls1_3});
  }
  return all;
}

std::string name_of_case(const testing::TestParamInfo<TLSPeerCase>& test) {
  const bool old = test.param.version == TLSVersion::tls1_2;
  return test.param.program.name + (old ? "_tls1_2" : "_tls1_3");
}

std::vector<std::string> ciphers_of(TLSVersion version, bool rsa) {
  if (version == TLSVersion::tls1_3) {
    return {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
            "TLS_CHACHA20_POLY1305_SHA256"};
  }
  std::vector<std::string> all;
  for (const std::string rest :
       {"AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"}) {
    all.push_back((rsa ? "ECDHE-RSA-" : "ECDHE-ECDSA-") + rest);
  }
  return all;
}

}  // namespace tornado::test
