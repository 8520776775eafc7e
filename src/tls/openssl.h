// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Owners of OpenSSL's objects, and its errors as codes.

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string_view>
#include <system_error>

namespace tornado::detail {

template <auto free>
struct FreeBy {
  template <class T>
  void operator()(T* object) const noexcept {
    free(object);
  }
};
template <class T, auto free>
using Owned = std::unique_ptr<T, FreeBy<free>>;

using OwnedBio = Owned<BIO, BIO_free>;
using OwnedContext = Owned<SSL_CTX, SSL_CTX_free>;
using OwnedSession = Owned<SSL_SESSION, SSL_SESSION_free>;
using OwnedSsl = Owned<SSL, SSL_free>;
using OwnedX509 = Owned<X509, X509_free>;

/// What OpenSSL's queue says first, which is emptied.
std::error_code take_tls_error() noexcept;
/// The same for `result`, one of X509_V_ERR_.
std::error_code verify_error(long result) noexcept;
[[noreturn]] void throw_tls_error(std::string_view act);

/// Makes the queue empty, so that what it has afterwards is of the next call.
inline void forget_tls_errors() noexcept {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace tornado::detail
