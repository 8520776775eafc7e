// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// A JSON value to be built and written. Members keep the order in which they were set.

#include <concepts>
#include <memory>
#include <string>
#include <string_view>

namespace tornado::cli {

class Json {
 public:
  /// An empty object.
  Json();
  static Json array();
  static Json null();

  // Not explicit, so that set("held", true) reads as it should.
  Json(bool value);                // NOLINT(google-explicit-constructor)
  Json(double value);              // NOLINT(google-explicit-constructor)
  Json(const char* value);         // NOLINT(google-explicit-constructor)
  Json(std::string_view value);    // NOLINT(google-explicit-constructor)
  Json(const std::string& value);  // NOLINT(google-explicit-constructor)
  template <std::integral T>
  Json(T value)  // NOLINT(google-explicit-constructor)
      : Json(Integer{static_cast<long long>(value)}) {}

  Json(Json&&) noexcept;
  Json& operator=(Json&&) noexcept;
  ~Json();

  Json& set(std::string_view key, Json value);
  Json& push(Json value);

  /// On several lines, ended by a newline. Bytes that are not UTF-8 come out as U+FFFD.
  [[nodiscard]] std::string text() const;

 private:
  struct Integer {
    long long value;
  };
  struct Node;
  explicit Json(Integer value);
  explicit Json(std::unique_ptr<Node> node) noexcept;

  std::unique_ptr<Node> node_;
};

}  // namespace tornado::cli
