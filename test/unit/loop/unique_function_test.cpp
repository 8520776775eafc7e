// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "tornado/callback.h"

namespace tornado::test {
namespace {

using Function = UniqueFunction<int(int)>;

struct Counted {
  explicit Counted(int& n) : alive(&n) { ++*alive; }
  Counted(Counted&& other) noexcept : alive(other.alive) { ++*alive; }
  Counted(const Counted&) = delete;
  ~Counted() { --*alive; }
  int* alive;
};

TEST(UniqueFunction, calls_what_it_holds) {
  Function twice = [](int x) { return 2 * x; };
  EXPECT_EQ(twice(21), 42);
  struct Adder {
    int operator()(int x) { return x + (state += 1); }
    int state = 0;
  };
  Function adder = Adder();
  EXPECT_EQ(adder(1), 2);
  EXPECT_EQ(adder(1), 3);
}

TEST(UniqueFunction, holds_small_callables_inside_and_large_ones_on_the_heap) {
  int alive = 0;
  {
    Function small = [c = Counted(alive)](int x) { return x + *c.alive; };
    Function large = [c = Counted(alive), big = std::array<char, 200>{}](int x) {
      return x + static_cast<int>(big.size()) + *c.alive;
    };
    EXPECT_EQ(alive, 2);
    EXPECT_EQ(small(1), 3);
    EXPECT_EQ(large(1), 203);
    Function moved = std::move(small);
    Function moved_large = std::move(large);
    EXPECT_EQ(alive, 2);
    EXPECT_FALSE(small);  // NOLINT(bugprone-use-after-move)
    EXPECT_FALSE(large);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(moved(1), 3);
    EXPECT_EQ(moved_large(1), 203);
    moved = std::move(moved_large);
    EXPECT_EQ(alive, 1);
    moved.reset();
    EXPECT_EQ(alive, 0);
    EXPECT_FALSE(moved);
  }
  EXPECT_EQ(alive, 0);
}

TEST(UniqueFunction, survives_being_moved_to_itself) {
  const auto alive = std::make_shared<int>(40);
  Function f = [alive](int n) { return *alive + n; };
  Function& itself = f;
  f = std::move(itself);
  ASSERT_TRUE(f);
  EXPECT_EQ(f(2), 42);
  EXPECT_EQ(alive.use_count(), 2);
}

TEST(UniqueFunction, knows_a_callable_that_needs_no_destructor) {
  const auto trivial = [](const Function& function) {
    return detail::CallableAccess::is_trivially_destroyed(function);
  };
  const auto alive = std::make_shared<int>(0);
  EXPECT_TRUE(trivial(Function()));
  EXPECT_TRUE(trivial([](int n) { return n; }));
  EXPECT_FALSE(trivial([alive](int n) { return n; }));
  EXPECT_FALSE(trivial([big = std::array<char, 200>{}](int n) { return n + big[0]; }))
      << "it is on the heap";
}

TEST(UniqueFunction, refuses_pointers_to_members) {
  struct Holder {
    int member;
    int call() { return member; }
  };
  using OfHolder = UniqueFunction<int(Holder&)>;
  EXPECT_FALSE((std::is_constructible_v<OfHolder, int Holder::*>));
  EXPECT_FALSE((std::is_constructible_v<OfHolder, int (Holder::*)()>));
  EXPECT_TRUE((std::is_constructible_v<OfHolder, int (*)(Holder&)>));
}

TEST(UniqueFunction, moves_to_one_with_another_room) {
  using Small = UniqueFunction<int(int), 16>;
  const auto alive = std::make_shared<int>(40);
  Function fits = [alive](int n) { return *alive + n; };
  Small small = std::move(fits);
  EXPECT_FALSE(fits);
  EXPECT_EQ(small(2), 42);
  const std::array<int, 8> numbers{1, 2, 3, 4, 5, 6, 7, 8};
  Function large = [alive, numbers](int n) { return numbers[5] + *alive + n; };
  small = std::move(large);
  EXPECT_FALSE(large);
  EXPECT_EQ(small(2), 48);
  EXPECT_EQ(alive.use_count(), 2) << "what was assigned to is destroyed";
  Function back = std::move(small);
  EXPECT_EQ(back(3), 49);
  back = Small();
  EXPECT_FALSE(back);
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(UniqueFunction, takes_what_moves_by_throwing_to_the_heap) {
  struct Throws {
    Throws() = default;
    Throws(Throws&&) noexcept(false) {}
    int operator()(int x) const { return x; }
  };
  Function first = Throws();
  Function second = std::move(first);
  EXPECT_EQ(second(3), 3);
}

TEST(UniqueFunction, is_empty_of_nothing_a_null_pointer_and_an_empty_function) {
  EXPECT_FALSE(Function());
  EXPECT_FALSE(Function(nullptr));
  EXPECT_FALSE(Function(static_cast<int (*)(int)>(nullptr)));
  EXPECT_FALSE(Function(std::function<int(int)>()));
  EXPECT_TRUE(Function(std::function<int(int)>([](int x) { return x; })));
}

TEST(UniqueFunction, drops_the_result_if_its_type_is_void) {
  int calls = 0;
  UniqueFunction<void()> f = [&] { return ++calls; };
  f();
  EXPECT_EQ(calls, 1);
}

TEST(UniqueFunction, passes_arguments_on_without_copies) {
  UniqueFunction<std::size_t(std::unique_ptr<std::string>)> f =
      [](std::unique_ptr<std::string> s) { return s->size(); };
  EXPECT_EQ(f(std::make_unique<std::string>("four")), 4u);
}

TEST(UniqueFunction, is_empty_before_its_callable_is_destroyed) {
  struct Looks {
    explicit Looks(Function*& h) : holder(&h) {}
    Looks(Looks&& other) noexcept : holder(std::exchange(other.holder, nullptr)) {}
    ~Looks() {
      if (holder && *holder) {
        EXPECT_FALSE(**holder);
      }
    }
    int operator()(int x) const { return x; }
    Function** holder;
  };
  Function* seen = nullptr;
  Function f = Looks(seen);
  seen = &f;
  f.reset();
}

TEST(UniqueFunction, has_room_for_48_bytes_and_takes_one_pointer_more) {
  static_assert(sizeof(UniqueFunction<void()>) == 48 + sizeof(void*));
}

}  // namespace
}  // namespace tornado::test
