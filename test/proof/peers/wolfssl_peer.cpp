// SPDX-License-Identifier: Apache-2.0
// A peer of the TLS streams under test, over wolfSSL: client|server WORD=VALUE...
//
// A client prints the answer and "whole" after the close_notify, or why it refuses the
// server. A server sends everything back, until the close_notify of its client.
#include <wolfssl/options.h>
// after the options
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wolfssl/ssl.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

namespace {

using Words = std::map<std::string, std::string>;

[[noreturn]] void fail(const std::string& why) {
  std::printf("%s\n", why.c_str());
  std::exit(1);
}

void require(int result, const char* act) {
  if (result != WOLFSSL_SUCCESS) fail(act);
}

const char* word(const Words& words, const char* name) {
  const auto found = words.find(name);
  return found == words.end() ? nullptr : found->second.c_str();
}

// wolfSSL spells the suites of TLS 1.3 in its own way.
std::string suite(std::string name) {
  if (!name.starts_with("TLS_")) return name;
  for (char& c : name) c = c == '_' ? '-' : c;
  if (name.find("AES") != name.npos) name.erase(name.find("AES") + 3, 1);
  return "TLS13" + name.substr(3);
}

WOLFSSL_CTX* make_context(bool serves, const Words& words) {
  const bool old = words.at("version") == "1.2";
  WOLFSSL_METHOD* const method =
      serves ? (old ? wolfTLSv1_2_server_method() : wolfTLSv1_3_server_method())
             : (old ? wolfTLSv1_2_client_method() : wolfTLSv1_3_client_method());
  WOLFSSL_CTX* const context = wolfSSL_CTX_new(method);
  const int both = WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  if (const char* const trust = word(words, "trust")) {
    require(wolfSSL_CTX_load_verify_locations(context, trust, nullptr), "trust");
    wolfSSL_CTX_set_verify(context, both, nullptr);
  }
  if (const char* const file = word(words, "identity")) {
    require(wolfSSL_CTX_use_certificate_chain_file(context, file), "identity");
    require(wolfSSL_CTX_use_PrivateKey_file(context, file, WOLFSSL_FILETYPE_PEM),
            "key");
  }
  if (const char* const cipher = word(words, "cipher")) {
    require(wolfSSL_CTX_set_cipher_list(context, suite(cipher).c_str()), "cipher");
  }
  if (!serves) wolfSSL_CTX_UseSessionTicket(context);
  return context;
}

WOLFSSL* make_connection(WOLFSSL_CTX* context, int socket, const Words& words) {
  WOLFSSL* const tls = wolfSSL_new(context);
  wolfSSL_set_fd(tls, socket);
  if (const char* const alpn = word(words, "alpn")) {
    std::string protocol = alpn;
    wolfSSL_UseALPN(tls, protocol.data(), static_cast<unsigned>(protocol.size()),
                    WOLFSSL_ALPN_FAILED_ON_MISMATCH);
  }
  return tls;
}

std::string error_of(WOLFSSL* tls, int result) {
  char text[WOLFSSL_MAX_ERROR_SZ] = {};
  const int error = wolfSSL_get_error(tls, result);
  wolfSSL_ERR_error_string(static_cast<unsigned long>(error), text);
  const long verified = wolfSSL_get_verify_result(tls);
  // Versions differ in the text.
  const bool unsigned_here = error == ASN_NO_SIGNER_E ||
                             verified == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
                             verified == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
  return unsigned_here ? "no authority" : text;
}

sockaddr_in address_of(const Words& words) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(words.at("port"))));
  return address;
}

/// True after a close_notify.
template <class F>
bool read_all(WOLFSSL* tls, F take) {
  char bytes[4096];
  int count = 0;
  while ((count = wolfSSL_read(tls, bytes, sizeof bytes)) > 0) take(bytes, count);
  return wolfSSL_get_error(tls, count) == WOLFSSL_ERROR_ZERO_RETURN;
}

void run_client(WOLFSSL_CTX* context, const Words& words) {
  WOLFSSL_SESSION* session = nullptr;
  const sockaddr_in address = address_of(words);
  for (int left = words.contains("twice") ? 2 : 1; left > 0; --left) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address),
                  sizeof address) != 0) {
      fail("connect");
    }
    WOLFSSL* const tls = make_connection(context, socket, words);
    const std::string host = "localhost";
    wolfSSL_UseSNI(tls, WOLFSSL_SNI_HOST_NAME, host.data(),
                   static_cast<unsigned short>(host.size()));
    wolfSSL_check_domain_name(tls, host.c_str());
    if (session) wolfSSL_set_session(tls, session);
    const int result = wolfSSL_connect(tls);
    if (result != WOLFSSL_SUCCESS) fail(error_of(tls, result));
    const std::string request = "GET / HTTP/1.0\r\n\r\n";
    wolfSSL_write(tls, request.data(), static_cast<int>(request.size()));
    const bool whole = read_all(tls, [](const char* bytes, int count) {
      std::fwrite(bytes, 1, static_cast<std::size_t>(count), stdout);
    });
    std::printf("%s\n", whole ? "whole" : "cut");
    session = wolfSSL_get1_session(tls);
    wolfSSL_shutdown(tls);
    wolfSSL_free(tls);
    ::close(socket);
  }
}

[[noreturn]] void run_server(WOLFSSL_CTX* context, const Words& words) {
  const sockaddr_in address = address_of(words);
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
          0 ||
      ::listen(listener, 16) != 0) {
    fail("listen");
  }
  for (;;) {
    const int socket = ::accept(listener, nullptr, nullptr);
    WOLFSSL* const tls = make_connection(context, socket, words);
    if (wolfSSL_accept(tls) == WOLFSSL_SUCCESS) {
      read_all(tls, [tls](const char* bytes, int count) {
        wolfSSL_write(tls, bytes, count);
      });
      wolfSSL_shutdown(tls);
    }
    wolfSSL_free(tls);
    ::close(socket);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  wolfSSL_Init();
  Words words;
  for (int i = 2; i < argc; ++i) {
    const std::string text = argv[i];
    const std::size_t equals = text.find('=');
    words[text.substr(0, equals)] = text.substr(equals + 1);
  }
  const bool serves = argc > 1 && std::string(argv[1]) == "server";
  WOLFSSL_CTX* const context = make_context(serves, words);
  if (serves) run_server(context, words);
  run_client(context, words);
}
