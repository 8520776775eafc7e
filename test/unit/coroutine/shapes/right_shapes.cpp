// SPDX-License-Identifier: Apache-2.0
// What every compiler gets right, and so what programs may write.
// tools/check-coroutines has to find nothing here.
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "shapes.h"
#include "tornado/async_generator.h"
#include "tornado/queues.h"
#include "tornado/task_group.h"

namespace tornado::test {
namespace {

bool yes = true;

template <class F, class... Args>
Task<int> call(F function, Args... args) {
  const int result = co_await step();
  co_return result + function(args...);
}
Task<int> open(Options options) {
  const int result = co_await step();
  co_return result + options.size;
}
Task<int> open_settings(Settings settings) {
  const int result = co_await step();
  co_return result + settings.name().number();
}
Task<int> look(const Tracked& object) {
  const int result = co_await step();
  co_return result + object.number();
}
Task<int> take(Tracked object) {
  const int result = co_await step();
  co_return result + object.number();
}
Task<int> length(std::string text) {
  const int result = co_await step();
  co_return result + static_cast<int>(text.size());
}
Task<int> take_pair(std::pair<Tracked, int> pair) {
  const int result = co_await step();
  co_return result + pair.second;
}
Task<int> take_any(std::optional<Tracked> object) {
  const int result = co_await step();
  co_return result + (object ? 1 : 0);
}
Task<Options> options() {
  Options result;
  result.size = co_await step();
  co_return result;
}
Task<std::unique_ptr<Tracked>> owned() {
  const int number = co_await step();
  co_return std::make_unique<Tracked>(number);
}
Task<Tracked> fails(Tracked object) {
  (void)co_await step();
  throw std::runtime_error(std::to_string(object.number()));
}
Options plain_options() {
  return {};
}

AsyncGenerator<Tracked> yields_objects() {
  const Tracked t;
  co_yield t;
  co_yield Tracked(2);
  co_yield co_await made();
}
AsyncGenerator<Options> yields_aggregate() {
  Options options{.name = Tracked(1), .size = 1};
  co_yield std::move(options);
  (void)co_await step();
}
template <class G>
Task<> take_all(G generator) {
  while (const auto item = co_await generator.next()) (void)co_await step();
}

// Conditions that have a name.
Task<> condition_of_if() {
  if (const bool set = co_await flag(true); set) (void)co_await step();
}
Task<> condition_with_initializer() {
  if (const int n = co_await step(); n > 0) (void)co_await step();
}
Task<> condition_of_while() {
  int left = 2;
  while (const int more = co_await step(left--)) (void)co_await made(more);
}
Task<> condition_of_switch() {
  switch (const int n = co_await step(); n) {
    case 1:
      (void)co_await made();
      break;
    default:
      break;
  }
}
Task<> loop_of_bounded_steps() {
  for (int n = 0; n < 3; n += co_await step()) (void)co_await made();
}
Task<> condition_within_try() {
  try {
    const bool set = co_await flag(true);
    if (set) (void)co_await step();
  } catch (const std::exception&) {
    yes = true;
  }
}

const std::array shapes = {
    Shape{"condition_of_if", condition_of_if},
    Shape{"condition_with_initializer", condition_with_initializer},
    Shape{"condition_of_while", condition_of_while},
    Shape{"condition_of_switch", condition_of_switch},
    Shape{"loop_of_bounded_steps", loop_of_bounded_steps},
    Shape{"condition_within_try", condition_within_try},
    Shape{"objects_that_are_yielded",
          []() -> Task<> { co_await take_all(yields_objects()); }},
    Shape{"aggregate_that_is_yielded",
          []() -> Task<> { co_await take_all(yields_aggregate()); }},
    Shape{"lambda_that_has_a_name",
          []() -> Task<> {
            const Tracked t;
            auto function = [t] { return t.number(); };
            (void)co_await call(std::move(function));
          }},
    Shape{"lambda_with_reference",
          []() -> Task<> {
            const Tracked t;
            (void)co_await call([&t] { return t.number(); });
          }},
    Shape{"lambda_with_number",
          []() -> Task<> {
            const int n = yes ? 2 : 3;
            (void)co_await call([n] { return n; });
          }},
    Shape{"lambda_with_arguments",
          []() -> Task<> {
            const Tracked t;
            (void)co_await call([](const Tracked& u) { return u.number(); }, t);
          }},
    Shape{"lambda_that_is_called",
          []() -> Task<> {
            const Tracked t;
            co_await [&]() -> Task<> { (void)co_await look(t); }();
          }},
    Shape{"lambda_bound_to_arguments",
          []() -> Task<> {
            const auto number = [](const Tracked& t) { return t.number(); };
            (void)co_await call(std::bind_front(number, Tracked(2)));
          }},
    Shape{"lambda_of_a_group",
          []() -> Task<> {
            const Tracked t;
            TaskGroup group;
            group.start([t]() -> Task<> { (void)co_await look(t); });
            co_await group.join();
          }},
    Shape{"lambda_for_until_that_has_a_name",
          []() -> Task<> {
            auto kept = std::make_shared<Tracked>(1);
            auto begin = [kept](Completion<int> c) { c.set_value(kept->number()); };
            (void)co_await until<int>(std::move(begin));
          }},
    Shape{"task_of_aggregate_in_two_statements",
          []() -> Task<> {
            auto task = open({.name = Tracked(1), .size = 2});
            (void)co_await std::move(task);
          }},
    Shape{"aggregate_that_has_a_name",
          []() -> Task<> {
            Options named{.name = Tracked(1), .size = 2};
            (void)co_await open(std::move(named));
          }},
    Shape{"aggregate_of_a_function",
          []() -> Task<> { (void)co_await open(plain_options()); }},
    Shape{"aggregate_as_result",
          []() -> Task<> {
            const int number = (co_await options()).name.number();
            (void)co_await step(number);
          }},
    Shape{"class_with_constructor",
          []() -> Task<> { (void)co_await open_settings(Settings(Tracked(1))); }},
    Shape{"class_with_braced_constructor",
          []() -> Task<> { (void)co_await open_settings(Settings{Tracked(1)}); }},
    Shape{"argument_by_value", []() -> Task<> { (void)co_await take(Tracked(1)); }},
    Shape{"argument_by_reference", []() -> Task<> { (void)co_await look(Tracked(1)); }},
    Shape{"argument_of_text",
          []() -> Task<> {
            (void)co_await length("longer than the room within a std::string");
          }},
    Shape{"argument_of_braced_pair",
          []() -> Task<> {
            (void)co_await take_pair({Tracked(1), 2});
          }},
    Shape{"argument_of_optional",
          []() -> Task<> { (void)co_await take_any(Tracked(1)); }},
    Shape{"argument_that_is_awaited",
          []() -> Task<> { (void)co_await take(co_await made()); }},
    Shape{"arguments_that_are_awaited",
          []() -> Task<> {
            const auto both = std::make_pair(co_await made(1), co_await made(2));
            (void)both;
          }},
    Shape{"argument_beside",
          []() -> Task<> {
            std::vector<Tracked> all;
            all.emplace_back(co_await step());
            all.push_back(Tracked(co_await step()));
          }},
    Shape{"choice_of_numbers",
          []() -> Task<> {
            const int n = yes ? co_await step() : 2;
            (void)co_await step(n);
          }},
    Shape{"choice_in_two_statements",
          []() -> Task<> {
            std::optional<Tracked> chosen;
            if (yes) {
              chosen = co_await made();
            } else {
              chosen.emplace(2);
            }
            (void)co_await look(*chosen);
          }},
    Shape{"choice_of_names",
          []() -> Task<> {
            const Tracked one;
            const Tracked other;
            (void)co_await look(yes ? one : other);
          }},
    Shape{"and_and_or",
          []() -> Task<> {
            const bool both = yes && co_await flag(true);
            const bool either = both || co_await flag(false);
            (void)co_await step(either ? 1 : 2);
          }},
    Shape{"assignment",
          []() -> Task<> {
            Tracked t;
            t = co_await made();
            int sum = 0;
            sum += co_await step();
            (void)co_await step(sum);
          }},
    Shape{"range_for_over_temporary",
          []() -> Task<> {
            for (const Tracked& t : std::vector<Tracked>(2)) (void)co_await look(t);
          }},
    Shape{"reference_to_result",
          []() -> Task<> {
            const Tracked& t = co_await made();
            (void)co_await look(t);
          }},
    Shape{"structured_binding",
          []() -> Task<> {
            const auto both = co_await multi(made(1), made(2));
            const auto& [one, other] = both;
            (void)co_await look(one);
            (void)co_await look(other);
          }},
    Shape{"result_by_make_unique",
          []() -> Task<> {
            const auto t = std::make_unique<Tracked>(co_await made());
            (void)co_await look(*t);
          }},
    Shape{"result_that_is_moved_only",
          []() -> Task<> {
            const std::unique_ptr<Tracked> t = co_await owned();
            (void)co_await look(*t);
          }},
    Shape{"exception_that_is_caught",
          []() -> Task<> {
            const Tracked t;
            try {
              (void)co_await fails(t);
            } catch (const std::runtime_error&) {
              yes = true;
            }
            (void)co_await step();
          }},
    Shape{"children_with_a_deadline",
          []() -> Task<> {
            (void)co_await with_timeout(std::chrono::hours(1), take(Tracked(1)));
          }},
    Shape{"queue_of_objects",
          []() -> Task<> {
            Queue<Tracked> queue(1);
            co_await queue.put(Tracked(1));
            const Tracked t = co_await queue.get();
            (void)co_await look(t);
          }},
};

}  // namespace

std::span<const Shape> right_shapes() {
  return shapes;
}

}  // namespace tornado::test
