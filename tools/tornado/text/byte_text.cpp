// SPDX-License-Identifier: Apache-2.0
#include "text/byte_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <cwchar>

namespace tornado::cli {
namespace {

unsigned byte(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

struct Sequence {
  std::size_t size = 0;  // of the whole character; 0: the bytes begin no character
  bool complete = false;
};

// Overlong forms, surrogates and numbers beyond Unicode are no characters.
Sequence sequence(std::string_view bytes) {
  const unsigned first = byte(bytes, 0);
  if (first < 0x80) return {1, true};
  if (first < 0xc2 || first > 0xf4) return {};
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  for (std::size_t i = 1; i < size; ++i) {
    if (i == bytes.size()) return {size, false};
    const bool bounded = i == 1;
    const unsigned least = !bounded        ? 0x80
                           : first == 0xe0 ? 0xa0
                           : first == 0xf0 ? 0x90
                                           : 0x80;
    const unsigned most = !bounded        ? 0xbf
                          : first == 0xed ? 0x9f
                          : first == 0xf4 ? 0x8f
                                          : 0xbf;
    if (byte(bytes, i) < least || byte(bytes, i) > most) return {};
  }
  return {size, true};
}

// How many bytes the character at the start has; 0 if there is none.
std::size_t character(std::string_view bytes) {
  const Sequence found = sequence(bytes);
  return found.complete ? found.size : 0;
}

wchar_t code_point(std::string_view c) {
  if (c.size() == 1) return static_cast<wchar_t>(byte(c, 0));
  unsigned code = byte(c, 0) & (0xffu >> (c.size() + 1));
  for (std::size_t i = 1; i < c.size(); ++i) code = code << 6 | (byte(c, i) & 0x3f);
  return static_cast<wchar_t>(code);
}

// wcwidth knows only the characters of the locale.
std::size_t columns_of_character(std::string_view c) {
  const int width = ::wcwidth(code_point(c));
  return width < 0 ? 1 : static_cast<std::size_t>(width);
}

// The longest beginning that fills no more than `room` columns.
struct Beginning {
  std::size_t bytes = 0;
  std::size_t columns = 0;
};

Beginning beginning(std::string_view text, std::size_t room) {
  Beginning result;
  while (result.bytes < text.size()) {
    const auto rest = text.substr(result.bytes);
    const std::size_t size = std::max<std::size_t>(character(rest), 1);
    const std::size_t width = columns_of_character(rest.substr(0, size));
    if (result.columns + width > room) break;
    result.bytes += size;
    result.columns += width;
  }
  return result;
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

std::size_t whole_characters(std::string_view bytes) {
  constexpr std::size_t longest = 4;
  for (std::size_t back = 1; back < longest && back <= bytes.size(); ++back) {
    const Sequence last = sequence(bytes.substr(bytes.size() - back));
    if (last.size == 0) continue;
    return last.complete ? bytes.size() : bytes.size() - back;
  }
  return bytes.size();
}

std::size_t columns_of(std::string_view text) {
  return beginning(text, std::string_view::npos).columns;
}

std::string cut(std::string_view text, std::size_t room) {
  constexpr std::string_view ellipsis = "...";
  if (columns_of(text) <= room) return std::string(text);
  if (room <= ellipsis.size()) return {};
  const auto kept = beginning(text, room - ellipsis.size()).bytes;
  return std::string(text.substr(0, kept)).append(ellipsis);
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
