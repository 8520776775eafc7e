// SPDX-License-Identifier: Apache-2.0
#include "text/byte_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>

namespace tornado::cli {
namespace {

unsigned byte(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

// How many bytes the character at the start has; 0 if it is none. Too long forms,
// surrogates and what is beyond Unicode are none.
std::size_t character(std::string_view bytes) {
  const unsigned first = byte(bytes, 0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || bytes.size() < size) return 0;
  const unsigned second = byte(bytes, 1);
  const unsigned least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte(bytes, i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

bool plain(unsigned c) {
  return c >= 0x20 && c != 0x7f && c != '\\';
}

// U+0080 to U+009F, with which a terminal can be commanded as well.
bool is_control(std::string_view c) {
  return c.size() == 2 && byte(c, 0) == 0xc2 && byte(c, 1) < 0xa0;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t size = character(bytes);
    if (size == 0) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

std::string printable(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t size = character(bytes);
    const auto c = bytes.substr(0, size == 0 ? 1 : size);
    if (size > 1 ? !is_control(c) : size == 1 && plain(byte(c, 0))) {
      text += c;
    } else {
      for (std::size_t i = 0; i < c.size(); ++i) {
        text += fmt::format("\\x{:02x}", byte(c, i));
      }
    }
    bytes.remove_prefix(c.size());
  }
  return text;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = byte(bytes, i) << 16;
    if (n > 1) group |= byte(bytes, i + 1) << 8;
    if (n > 2) group |= byte(bytes, i + 2);
    for (std::size_t d = 0; d < 4; ++d) {
      text += d <= n ? digits[(group >> (18 - 6 * d)) & 63] : '=';
    }
  }
  return text;
}

void set_bytes(Json& object, const std::string& key, std::string_view bytes) {
  if (is_utf8(bytes)) {
    object.set(key, bytes);
    return;
  }
  object.set(key, printable(bytes));
  object.set(key + "_bytes", base64(bytes));
}

}  // namespace tornado::cli
