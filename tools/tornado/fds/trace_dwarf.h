// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Reads the numbers of DWARF. A read beyond the end gives 0 and is remembered.

#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace tornado::cli {

class DwarfReader {
 public:
  /// `address`: of the first byte, in the file.
  DwarfReader(std::span<const unsigned char> bytes, std::uint64_t address)
      : rest_(bytes), address_(address) {}

  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool done() const { return rest_.empty() || !good_; }
  [[nodiscard]] std::uint64_t address() const { return address_; }

  std::span<const unsigned char> take(std::uint64_t size) {
    if (size > rest_.size()) {
      good_ = false;
      size = rest_.size();
    }
    const auto taken = rest_.first(static_cast<std::size_t>(size));
    rest_ = rest_.subspan(taken.size());
    address_ += taken.size();
    return taken;
  }

  std::span<const unsigned char> rest() { return take(rest_.size()); }

  template <class T>
  T number() {
    const auto bytes = take(sizeof(T));
    T value = 0;
    if (bytes.size() == sizeof(T)) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

  std::uint64_t uleb() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = number<std::uint8_t>();
      if (shift < 64) value |= std::uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) == 0) return value;
    }
  }

  std::int64_t sleb() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = number<std::uint8_t>();
      if (shift < 64) value |= std::uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) != 0) continue;
      const bool negative = (byte & 0x40) != 0 && shift + 7 < 64;
      return static_cast<std::int64_t>(
          negative ? value | ~std::uint64_t{0} << (shift + 7) : value);
    }
  }

  std::string text() {
    std::string value;
    for (char c = number<char>(); c != '\0'; c = number<char>()) value += c;
    return value;
  }

  /// As an `encoding` of DW_EH_PE says; `data`: what its "datarel" starts from.
  std::uint64_t pointer(unsigned encoding, std::uint64_t data = 0) {
    const std::uint64_t here = address_;
    const std::uint64_t value = plain_pointer(encoding & 0x0fu);
    switch (encoding & 0x70u) {
      case 0x00:
        return value;
      case 0x10:
        return here + value;
      case 0x30:
        return data + value;
      default:
        good_ = false;
        return 0;
    }
  }

 private:
  std::uint64_t plain_pointer(unsigned format) {
    switch (format) {
      case 0x01:
        return uleb();
      case 0x02:
        return number<std::uint16_t>();
      case 0x03:
        return number<std::uint32_t>();
      case 0x00:
      case 0x04:
      case 0x0c:
        return number<std::uint64_t>();
      case 0x09:
        return static_cast<std::uint64_t>(sleb());
      case 0x0a:
        return widened(number<std::int16_t>());
      case 0x0b:
        return widened(number<std::int32_t>());
      default:
        good_ = false;
        return 0;
    }
  }
  static std::uint64_t widened(std::int64_t value) {
    return static_cast<std::uint64_t>(value);
  }

  std::span<const unsigned char> rest_;
  std::uint64_t address_;
  bool good_ = true;
};

}  // namespace tornado::cli
