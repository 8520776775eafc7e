// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tornado::fuzz {

/// The bytes that a fuzzer gives, read from the front; zeros when they are used up.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : bytes_(reinterpret_cast<const char*>(data), size) {}

  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] std::string_view rest() const { return bytes_; }

  unsigned byte() {
    if (bytes_.empty()) return 0;
    const auto first = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    return first;
  }
  /// 0 ... n-1, for n up to 256.
  unsigned below(unsigned n) { return byte() % n; }
  bool flag() { return (byte() & 1) != 0; }
  std::uint64_t number(int bytes) {
    std::uint64_t value = 0;
    while (bytes-- > 0) value = value << 8 | byte();
    return value;
  }
  /// Up to `most` bytes, which may be any.
  std::string text(unsigned most) {
    const std::size_t size = below(most + 1);
    const std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(text.size());
    return text;
  }

 private:
  std::string_view bytes_;
};

}  // namespace tornado::fuzz

/// What libFuzzer calls with each input; aborts if anything is wrong.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
