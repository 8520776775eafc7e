// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// TLS by OpenSSL alone, for clients and for the floor.

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "harness.h"
#include "stream_load.h"
#include "tornado/fd.h"

namespace tornado::bench {

/// A file in memory with a certificate that signs itself, and its key of P-256.
inline const std::string& certificate_file() {
  static const std::string path = [] {
    EVP_PKEY* const key = ::EVP_EC_gen("P-256");
    X509* const x509 = ::X509_new();
    ::X509_set_version(x509, X509_VERSION_3);
    ::X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    ::X509_gmtime_adj(X509_getm_notAfter(x509), 24L * 3600);
    ::X509_set_pubkey(x509, key);
    check(::X509_sign(x509, key, ::EVP_sha256()) > 0, "X509_sign");
    const int fd = ::memfd_create("certificate", MFD_CLOEXEC);
    std::FILE* const file = ::fdopen(::dup(fd), "w");
    check(file && ::PEM_write_X509(file, x509) &&
              ::PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr),
          "certificate");
    std::fclose(file);
    ::X509_free(x509);
    ::EVP_PKEY_free(key);
    return "/proc/self/fd/" + std::to_string(fd);
  }();
  return path;
}

/// For servers without a library.
inline SSL_CTX* make_tls_server() {
  const std::string& file = certificate_file();
  SSL_CTX* const context = ::SSL_CTX_new(::TLS_server_method());
  check(::SSL_CTX_use_certificate_chain_file(context, file.c_str()) == 1 &&
            ::SSL_CTX_use_PrivateKey_file(context, file.c_str(), SSL_FILETYPE_PEM) == 1,
        "the server's certificate");
  return context;
}

/// One end of a connection, as PlainSocket.
class TLSSocket {
 public:
  TLSSocket() = default;
  TLSSocket(UniqueFd fd, End end) : fd_(std::move(fd)), ssl_(::SSL_new(context(end))) {
    ::SSL_set_fd(ssl_.get(), fd_.get());
    if (end == End::client) {
      ::SSL_set_connect_state(ssl_.get());
    } else {
      ::SSL_set_accept_state(ssl_.get());
    }
  }
  TLSSocket(TLSSocket&&) noexcept = default;
  TLSSocket& operator=(TLSSocket&& other) noexcept {
    TLSSocket old(std::move(*this));
    fd_ = std::move(other.fd_);
    ssl_ = std::move(other.ssl_);
    return *this;
  }
  ~TLSSocket() { end_output(); }

  [[nodiscard]] int fd() const { return fd_.get(); }

  bool connected() {
    return SSL_is_init_finished(ssl_.get()) ||
           moved(::SSL_do_handshake(ssl_.get())) > 0;
  }
  ssize_t read(char* to, std::size_t size) {
    std::size_t all = 0;
    do {
      const auto n =
          moved(::SSL_read(ssl_.get(), to + all, static_cast<int>(size - all)));
      if (n <= 0) return all > 0 ? static_cast<ssize_t>(all) : n;
      all += static_cast<std::size_t>(n);
    } while (all < size && ::SSL_has_pending(ssl_.get()));
    return static_cast<ssize_t>(all);
  }
  ssize_t write(const char* from, std::size_t size) {
    return moved(::SSL_write(ssl_.get(), from, static_cast<int>(size)));
  }
  void end_output() {
    if (ssl_ && SSL_is_init_finished(ssl_.get())) ::SSL_shutdown(ssl_.get());
    ::ERR_clear_error();
  }

 private:
  // One call takes what the kernel has for a record, and the buffers go while a
  // connection rests. Writes are cut as the kernel has room for records.
  static SSL_CTX* make_context(End end) {
    std::signal(SIGPIPE, SIG_IGN);
    SSL_CTX* const context =
        end == End::server ? make_tls_server() : ::SSL_CTX_new(::TLS_client_method());
    ::SSL_CTX_set_read_ahead(context, 1);
    ::SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS |
                                    SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    check(::SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
              ::SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") == 1,
          "TLS 1.3");
    return context;
  }
  static SSL_CTX* context(End end) {
    static SSL_CTX* made = make_context(end);  // a process has one kind of ends
    return made;
  }
  ssize_t moved(int result) {
    if (result > 0) return result;
    const int why = ::SSL_get_error(ssl_.get(), result);
    if (why == SSL_ERROR_ZERO_RETURN) return 0;
    check(why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE, "TLS");
    return -1;
  }

  struct Free {
    void operator()(SSL* ssl) const { ::SSL_free(ssl); }
  };
  UniqueFd fd_;
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace tornado::bench
