// SPDX-License-Identifier: Apache-2.0
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdio>
#include <new>
#include <string>

#include "tls/openssl.h"
#include "tls/tls_filter.h"
#include "tornado/address.h"

namespace tornado::detail {
namespace {

using OwnedNames = Owned<GENERAL_NAMES, GENERAL_NAMES_free>;

/// The text that `print` writes.
template <class F>
std::string printed(F print) {
  const OwnedBio text(BIO_new(BIO_s_mem()));
  if (!text || !print(text.get())) throw std::bad_alloc();
  const char* bytes = nullptr;
  const long size = BIO_get_mem_data(text.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

std::string text_of(const X509_NAME* name) {
  return printed([name](BIO* to) {
    return X509_NAME_print_ex(to, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >=
           0;
  });
}

std::string bytes_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

// IPv6 in full, which is one of its ways to be written.
std::string address_of(const std::string& bytes) {
  const std::size_t group = bytes.size() == 4 ? 1 : 2;
  std::string text;
  for (std::size_t i = 0; i + group <= bytes.size(); i += group) {
    unsigned value = 0;
    for (std::size_t n = 0; n < group; ++n) {
      value = value << 8 | static_cast<unsigned char>(bytes[i + n]);
    }
    std::array<char, 8> digits{};
    std::snprintf(digits.data(), digits.size(), group == 1 ? ".%u" : ":%x", value);
    text += digits.data() + (text.empty() ? 1 : 0);
  }
  return text;
}

std::vector<std::string> names_of(const X509* certificate) {
  const OwnedNames names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> all;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) all.push_back(bytes_of(name->d.dNSName));
    if (name->type == GEN_IPADD) all.push_back(address_of(bytes_of(name->d.iPAddress)));
  }
  return all;
}

std::string sha256_of(const X509* certificate) {
  constexpr char digits[] = "0123456789abcdef";
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  std::string text;
  if (!X509_digest(certificate, EVP_sha256(), hash.data(), &size)) return text;
  for (unsigned i = 0; i < size; ++i) {
    text += digits[hash[i] >> 4];
    text += digits[hash[i] & 15];
  }
  return text;
}

}  // namespace

std::optional<PeerCertificate> read_peer_certificate(const SSL* ssl) {
  const OwnedX509 certificate(SSL_get1_peer_certificate(ssl));
  if (!certificate) return std::nullopt;
  X509* const x509 = certificate.get();
  PeerCertificate found;
  found.subject = text_of(X509_get_subject_name(x509));
  found.issuer = text_of(X509_get_issuer_name(x509));
  found.names = names_of(x509);
  found.sha256 = sha256_of(x509);
  found.pem = printed([x509](BIO* to) { return PEM_write_bio_X509(to, x509) == 1; });
  forget_tls_errors();
  return found;
}

}  // namespace tornado::detail
