// SPDX-License-Identifier: Apache-2.0
#include <openssl/x509_vfy.h>

#include <array>
#include <string>

#include "platform/system_error.h"
#include "tls/openssl.h"
#include "tornado/tls.h"

namespace tornado {
namespace {

// OpenSSL's codes of errors are far beyond, since each has the number of a library.
constexpr int first_verify_error = 1000;
constexpr int last_verify_error = 1999;

std::string openssl_text(int value) {
  std::array<char, 256> text{};
  ERR_error_string_n(static_cast<unsigned long>(value), text.data(), text.size());
  const char* const reason = ERR_reason_error_string(static_cast<unsigned long>(value));
  return reason ? reason : text.data();
}

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "tornado.tls"; }

  std::string message(int value) const override {
    switch (static_cast<TLSErrc>(value)) {
      case TLSErrc::truncated:
        return "the connection ended without a close_notify";
      case TLSErrc::wrong_host:
        return "the certificate is for another host";
      case TLSErrc::expired:
        return "the certificate has expired";
      case TLSErrc::not_yet_valid:
        return "the certificate is not valid yet";
      case TLSErrc::self_signed:
        return "the certificate is self-signed";
      case TLSErrc::unknown_authority:
        return "no trusted authority has signed the certificate";
      case TLSErrc::revoked:
        return "the certificate was revoked";
      case TLSErrc::no_certificate:
        return "the peer has sent no certificate";
      case TLSErrc::too_many_messages:
        return "the peer sends messages of the protocol without data";
    }
    if (value >= first_verify_error && value <= last_verify_error) {
      return X509_verify_cert_error_string(value - first_verify_error);
    }
    return openssl_text(value);
  }
};

}  // namespace

const std::error_category& tls_category() noexcept {
  static const Category category;
  return category;
}

namespace detail {

std::error_code verify_error(long result) noexcept {
  switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return TLSErrc::wrong_host;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return TLSErrc::expired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return TLSErrc::not_yet_valid;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return TLSErrc::self_signed;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return TLSErrc::unknown_authority;
    case X509_V_ERR_CERT_REVOKED:
      return TLSErrc::revoked;
    default:
      return {first_verify_error + static_cast<int>(result), tls_category()};
  }
}

// The system's errors have a bit of their own.
std::error_code take_tls_error() noexcept {
  const unsigned long first = ERR_peek_error();
  ERR_clear_error();
  if (ERR_GET_LIB(first) == ERR_LIB_SYS) {
    return {ERR_GET_REASON(first), std::system_category()};
  }
  if (ERR_GET_LIB(first) == ERR_LIB_SSL &&
      ERR_GET_REASON(first) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    return TLSErrc::no_certificate;
  }
  if (first == 0) return std::make_error_code(std::errc::protocol_error);
  return {static_cast<int>(first), tls_category()};
}

void throw_tls_error(std::string_view act) {
  throw_error(take_tls_error(), act);
}

}  // namespace detail
}  // namespace tornado
