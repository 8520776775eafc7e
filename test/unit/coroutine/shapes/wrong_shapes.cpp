// SPDX-License-Identifier: Apache-2.0
// What g++ 12 compiles wrong. tools/check-coroutines has to find each line that says
// so, and no other; no test runs this.
#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "shapes.h"
#include "tornado/async_generator.h"

namespace tornado::test {
namespace {

bool yes = true;

template <class F>
Task<int> call(F function) {
  const int result = co_await step();
  co_return result + function();
}
Task<int> call_any(std::function<int()> function) {
  const int result = co_await step();
  co_return result + function();
}
Task<int> open(Options options) {
  const int result = co_await step();
  co_return result + options.size;
}
Task<int> take(Tracked object) {
  const int result = co_await step();
  co_return result + object.number();
}
Task<int> take_any(std::optional<Tracked> object) {
  const int result = co_await step();
  co_return result + (object ? 1 : 0);
}
int add(const Options& options, int more) {
  return options.size + more;
}
template <class F>
int add_result(F function, int more) {
  return function() + more;
}

// Without a variable in the whole function, the frame is overwritten.
Task<> condition_of_if() {
  if (co_await flag(true)) yes = true;  // wrong
}
Task<> condition_of_if_not() {
  if (!co_await flag(true)) co_return;  // wrong
  co_await moment();
}
Task<> part_of_a_condition() {
  if (yes && co_await step() > 0) co_await moment();  // wrong
}
Task<> condition_of_while() {
  while (co_await flag(false)) yes = true;  // wrong
}
Task<> condition_of_do() {
  do {
    yes = true;
  } while (co_await flag(false));  // wrong
}
Task<> condition_of_for() {
  for (; co_await flag(false);) yes = true;  // wrong
}
Task<> condition_of_switch() {
  switch (co_await step()) {  // wrong
    case 1:
      yes = true;
      break;
    default:
      break;
  }
}
AsyncGenerator<Options> yields_aggregate() {
  const Tracked t;
  co_yield Options{.name = t, .size = 1};  // wrong
  (void)co_await step();
}
template <class G>
Task<> take_all(G generator) {
  while (const auto item = co_await generator.next()) (void)co_await step();
}
Task<Two> result_within_braces() {
  co_return {co_await made(), co_await made()};  // wrong
}

const std::array shapes = {
    Shape{"condition_of_if", condition_of_if},
    Shape{"condition_of_if_not", condition_of_if_not},
    Shape{"part_of_a_condition", part_of_a_condition},
    Shape{"condition_of_while", condition_of_while},
    Shape{"condition_of_do", condition_of_do},
    Shape{"condition_of_for", condition_of_for},
    Shape{"condition_of_switch", condition_of_switch},
    Shape{"aggregate_that_is_yielded",
          []() -> Task<> { co_await take_all(yields_aggregate()); }},
    Shape{"lambda_that_is_passed",
          []() -> Task<> {
            const Tracked t;
            (void)co_await call([t] { return t.number(); });  // wrong
          }},
    Shape{"lambda_that_becomes_a_function",
          []() -> Task<> {
            const Tracked t;
            (void)co_await call_any([t] { return t.number(); });  // wrong
          }},
    Shape{"lambda_that_is_called",
          []() -> Task<> {
            const Tracked t;
            co_await [t]() -> Task<> { (void)co_await step(t.number()); }();  // wrong
          }},
    Shape{"lambda_beside",
          []() -> Task<> {
            const Tracked t;
            (void)add_result([t] { return 1; }, co_await step());  // wrong
          }},
    Shape{"lambda_for_until",
          []() -> Task<> {
            const Tracked t;
            (void)co_await until<int>([t](auto set) { set.set_value(1); });  // wrong
          }},
    Shape{"aggregate_with_names",
          []() -> Task<> {
            (void)co_await open({.name = Tracked(1), .size = 2});  // wrong
          }},
    Shape{"aggregate_of_braces",
          []() -> Task<> {
            (void)co_await open({});  // wrong
          }},
    Shape{"aggregate_beside",
          []() -> Task<> {
            (void)add(Options{}, co_await step());  // wrong
          }},
    Shape{"choice_of_results",
          []() -> Task<> {
            const Tracked other;
            const Tracked t = yes ? co_await made() : other;  // wrong
            (void)t;
          }},
    Shape{"choice_of_arguments",
          []() -> Task<> {
            (void)co_await take(yes ? Tracked(1) : Tracked(2));  // wrong
          }},
    Shape{"choice_of_optionals",
          []() -> Task<> {
            using Any = std::optional<Tracked>;
            (void)co_await take_any(yes ? Any(Tracked()) : Any());  // wrong
          }},
    Shape{"condition_of_a_choice",
          []() -> Task<> {
            const Tracked t = co_await flag(true) ? Tracked(1) : Tracked(2);  // wrong
            (void)t;
          }},
    Shape{"within_braces",
          []() -> Task<> {
            const Two two{co_await made(), co_await made()};  // wrong
            (void)two;
          }},
    Shape{"within_new",
          []() -> Task<> {
            const std::unique_ptr<Tracked> t(new Tracked(co_await made()));  // wrong
          }},
};

}  // namespace

std::span<const Shape> wrong_shapes() {
  return shapes;
}

}  // namespace tornado::test
