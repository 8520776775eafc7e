// SPDX-License-Identifier: Apache-2.0
#include <tornado/tls.h>

#include <cstdio>

int main() {
  const tornado::SSLContext context = tornado::SSLContext::for_client();
  const std::error_code error = tornado::TLSErrc::wrong_host;
  std::printf("%s\n", error.message().c_str());
  return error.category() == tornado::tls_category() ? 0 : 1;
}
