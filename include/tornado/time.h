// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The loop's clock, and delays that do not overflow.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <ratio>
#include <system_error>
#include <utility>

namespace tornado {

/// Monotonic. The library does not use the system's date.
using Clock = std::chrono::steady_clock;
using TimePoint = std::chrono::time_point<Clock, std::chrono::nanoseconds>;

/// A delay in nanoseconds, from any std::chrono::duration. The value is rounded up, and
/// clamped to the range. NaN throws std::errc::invalid_argument.
class Delay {
 public:
  template <class Rep, class Period>
  // NOLINTNEXTLINE(google-explicit-constructor): call_later(5ms, ...)
  constexpr Delay(std::chrono::duration<Rep, Period> d) : value_(convert(d)) {}

  [[nodiscard]] constexpr std::chrono::nanoseconds get() const noexcept {
    return value_;
  }

  /// `now` plus this delay. A negative delay gives `now`, and a delay beyond the end of
  /// the clock gives the end.
  [[nodiscard]] constexpr TimePoint after(TimePoint now) const noexcept {
    constexpr TimePoint never = (TimePoint::max)();
    if (value_ <= value_.zero()) return now;
    if (now > TimePoint{} && value_ >= never - now) return never;
    return now + value_;
  }

 private:
  using Nanoseconds = std::chrono::nanoseconds;

  template <class Rep, class Period>
  static constexpr Nanoseconds convert(std::chrono::duration<Rep, Period> d) {
    using Ratio = std::ratio_divide<Period, std::nano>;
    if constexpr (std::integral<Rep> && Ratio::den == 1) {
      constexpr std::int64_t limit = (Nanoseconds::max)().count() / Ratio::num;
      if (std::cmp_greater(d.count(), limit)) return (Nanoseconds::max)();
      if (std::cmp_less(d.count(), -limit)) return (Nanoseconds::min)();
      return Nanoseconds(static_cast<std::int64_t>(d.count()) * Ratio::num);
    } else {
      return round_up(static_cast<long double>(d.count()) * Ratio::num / Ratio::den);
    }
  }

  static constexpr Nanoseconds round_up(long double ns) {
    if (ns != ns) {
      throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                              "Delay: NaN");
    }
    constexpr long double limit = 9223372036854775807.0L;
    if (ns >= limit) return (Nanoseconds::max)();
    if (ns <= -limit) return (Nanoseconds::min)();
    auto whole = static_cast<std::int64_t>(ns);
    return Nanoseconds(whole + (static_cast<long double>(whole) < ns ? 1 : 0));
  }

  Nanoseconds value_;
};

}  // namespace tornado
