// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "every_loop.h"
#include "support/scale.h"
#include "tornado/time.h"

namespace tornado::test {
namespace {

using std::chrono::nanoseconds;
using Seconds = std::chrono::duration<double>;
constexpr auto never = (TimePoint::max)();

TEST(Delay, is_exact_where_it_can_be_and_rounds_up_where_not) {
  EXPECT_EQ(Delay(5ms).get(), nanoseconds(5'000'000));
  EXPECT_EQ(Delay(Seconds(0.5)).get(), nanoseconds(500'000'000));
  EXPECT_EQ(Delay(Seconds(1e-10)).get(), nanoseconds(1));
  EXPECT_EQ(Delay(Seconds(-1e-10)).get(), nanoseconds(0));
  EXPECT_EQ((Delay(std::chrono::duration<long, std::pico>(1001)).get()),
            nanoseconds(2));
  EXPECT_EQ((Delay(std::chrono::duration<int, std::ratio<1, 3>>(1)).get()),
            nanoseconds(333'333'334));
}

TEST(Delay, is_clamped_to_what_fits) {
  EXPECT_EQ(Delay(std::chrono::hours::max()).get(), (nanoseconds::max)());
  EXPECT_EQ(Delay(std::chrono::hours::min()).get(), (nanoseconds::min)());
  EXPECT_EQ(Delay(Seconds(1e308)).get(), (nanoseconds::max)());
  EXPECT_EQ(Delay(Seconds(-1e308)).get(), (nanoseconds::min)());
  EXPECT_EQ(
      Delay(std::chrono::duration<std::uint64_t, std::nano>(~std::uint64_t{0})).get(),
      (nanoseconds::max)());
}

TEST(Delay, of_any_double_is_in_range_or_refused) {
  Random random(test_seed());
  for (std::uint64_t i = 0; i < scaled(500'000); ++i) {
    // Two calls, as below() of the whole range would not reach the uppermost bits.
    const std::uint64_t bits =
        random.below(1ull << 32) << 32 | random.below(1ull << 32);
    const auto value = std::bit_cast<double>(bits);
    if (std::isnan(value)) {
      EXPECT_EQ(error_of([&] { (void)Delay(Seconds(value)); }),
                std::errc::invalid_argument);
      continue;
    }
    const Delay delay{Seconds(value)};
    const long double exact = static_cast<long double>(value) * 1e9L;
    if (std::fabs(exact) < 9e18L) {
      EXPECT_GE(static_cast<long double>(delay.get().count()), exact);
      EXPECT_LE(static_cast<long double>(delay.get().count()) - exact, 1.0L);
    } else {
      EXPECT_EQ(delay.get() > nanoseconds(0), value > 0);
    }
    const TimePoint now(
        nanoseconds(static_cast<std::int64_t>(random.below(1ull << 62))));
    EXPECT_GE(delay.after(now), now);
  }
}

TEST(Delay, after_a_time_never_overflows) {
  const TimePoint late = never - nanoseconds(10);
  EXPECT_EQ(Delay(10ns).after(late), never);
  EXPECT_EQ(Delay(11ns).after(late), never);
  EXPECT_EQ(Delay(9ns).after(late), never - nanoseconds(1));
  EXPECT_EQ(Delay((nanoseconds::max)()).after(TimePoint()), never);
  EXPECT_EQ(Delay((nanoseconds::min)()).after(late), late);
  const TimePoint early((nanoseconds::min)());
  EXPECT_EQ(Delay((nanoseconds::max)()).after(early), early + (nanoseconds::max)());
}

TEST(Events, combine_and_compare) {
  EXPECT_EQ(static_cast<int>(Events::read), 0x001);
  EXPECT_EQ(static_cast<int>(Events::write), 0x004);
  EXPECT_EQ(static_cast<int>(Events::error), 0x018);
  const Events both = Events::read | Events::write;
  EXPECT_TRUE(has(both, Events::read));
  EXPECT_FALSE(has(both, Events::error));
  EXPECT_FALSE(has(both, Events::none));
  EXPECT_EQ(both & ~Events::read, Events::write);
  Events events = Events::none;
  events |= Events::edge;
  EXPECT_EQ(events, Events::edge);
  events &= Events::read;
  EXPECT_EQ(events, Events::none);
}

}  // namespace
}  // namespace tornado::test
