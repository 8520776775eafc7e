// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <functional>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "demo/demo.h"
#include "system/interrupt.h"
#include "system/worker.h"
#include "text/table.h"
#include "text/words.h"
#include "tornado/fd.h"
#include "tornado/ioloop.h"

namespace tornado::cli {
namespace {

using namespace std::chrono_literals;

constexpr unsigned posts_wanted = 100;
constexpr unsigned child_seconds = 20;

// The child's words, one a line: "+what" for what held, "-what" for what did not.
class Confession {
 public:
  explicit Confession(NativeFd fd) : fd_(fd) {}
  void say(bool good, const std::string& what) const {
    const std::string line = (good ? "+" : "-") + what + "\n";
    // Shorter than PIPE_BUF: whole or not at all.
    (void)!::write(fd_, line.data(), line.size());
  }

 private:
  NativeFd fd_;
};

bool refused_by_name(const std::function<void()>& act, std::string& text) {
  try {
    act();
  } catch (const std::system_error& error) {
    text = error.what();
    return error.code() == Errc::loop_forked;
  }
  return false;
}

// What a forked child does with the loop that it finds.
void misuse(IOLoop& loop, NativeFd readable, const Confession& confession) {
  std::string text = "start: nothing was thrown";
  confession.say(refused_by_name([&] { loop.start(); }, text), text);
  const bool refused = refused_by_name([&] { loop.remove_handler(readable); }, text);
  confession.say(!refused, "remove_handler does nothing, as any taking back");
  confession.say(!loop.add_callback([] {}), "add_callback returns false");
  loop.stop();  // must not reach the parent
}

void use_rebuilt(IOLoop& loop, const Confession& confession) {
  bool timer = false;
  bool thread = false;
  loop.after_fork();
  loop.call_later(1ms, [&] { timer = true; });
  const Worker other([&loop, &timer, &thread, handle = loop.handle()] {
    handle.add_callback([&] {
      thread = true;
      loop.call_later(2ms, [&] { loop.stop(); });
    });
  });
  loop.start();
  confession.say(timer && thread,
                 "after_fork makes it the child's own: timers and wakes run");
}

[[noreturn]] void be_the_child(IOLoop& loop, NativeFd readable, NativeFd out) {
  std::signal(SIGALRM, SIG_DFL);
  ::alarm(child_seconds);  // never left behind
  const Confession confession(out);
  try {
    misuse(loop, readable, confession);
    use_rebuilt(loop, confession);
    loop.close();
    confession.say(true, "close");
  } catch (const std::exception& error) {
    confession.say(false, error.what());
  }
  ::_exit(0);
}

struct ForkFigures {
  std::vector<std::pair<bool, std::string>> words;
  unsigned posts_run = 0;
  bool handler_run = false;
  bool child_left = false;
};

// The parent runs its loop while the child plays with its copy.
class ForkScene {
 public:
  explicit ForkScene(PollerKind poller)
      : loop_(IOLoop::Options{poller, WakerKind::best, false}) {}

  ForkFigures play() {
    loop_.add_handler(
        own_.first.get(), [this](NativeFd fd, Events) { heard(fd); }, Events::read);
    pid_ = ::fork();
    if (pid_ < 0) throw std::system_error(errno, std::system_category(), "fork");
    if (pid_ == 0) be_the_child(loop_, own_.first.get(), words_.second.get());
    words_.second.reset();
    loop_.add_handler(
        words_.first.get(), [this](NativeFd fd, Events) { listen(fd); }, Events::read);
    loop_.call_later(patience + std::chrono::seconds(child_seconds),
                     [this] { loop_.stop(); });
    {
      const Worker poster([this] { post(); });
      loop_.start();
    }
    figures_.child_left = reap();
    parse();
    return figures_;
  }

 private:
  void post() {
    for (unsigned i = 0; i < posts_wanted; ++i) {
      loop_.handle().add_callback([this] {
        if (++figures_.posts_run == posts_wanted) end_if_done();
      });
      std::this_thread::sleep_for(200us);
    }
  }

  void listen(NativeFd fd) {
    std::array<char, 4096> bytes;
    const ssize_t n = ::read(fd, bytes.data(), bytes.size());
    if (n > 0) text_.append(bytes.data(), static_cast<std::size_t>(n));
    if (n != 0) return;
    // The child is gone. Is the handler from before the fork still heard?
    loop_.remove_handler(fd);
    (void)!::write(own_.second.get(), "x", 1);
  }

  void heard(NativeFd fd) {
    char byte = 0;
    figures_.handler_run = ::read(fd, &byte, 1) == 1;
    end_if_done();
  }

  void end_if_done() {
    if (figures_.handler_run && figures_.posts_run == posts_wanted) loop_.stop();
  }

  bool reap() const {
    int status = -1;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    return status == 0;
  }

  void parse() {
    std::istringstream text(text_);
    for (std::string line; std::getline(text, line);) {
      figures_.words.emplace_back(line.starts_with('+'), line.substr(1));
    }
  }

  IOLoop loop_;
  FdPair own_ = make_pipe();
  FdPair words_ = make_pipe();
  pid_t pid_ = -1;
  std::string text_;
  ForkFigures figures_;
};

constexpr std::size_t words_wanted = 5;

void judge(Verdict& verdict, const ForkFigures& f) {
  for (const auto& [good, what] : f.words)
    verdict.expect(good, "the child, wrongly: " + what);
  verdict.expect(f.words.size() == words_wanted && f.child_left,
                 "the child did not come to its end");
  verdict.expect(
      f.posts_run == posts_wanted,
      fmt::format("{} of {} posts reached the parent", f.posts_run, posts_wanted));
  verdict.expect(f.handler_run, "the parent's handler was not called any more");
}

void print_figures(Output& out, const ForkFigures& f) {
  Table table({Align::left, Align::left});
  auto add = [&table](bool good, const std::string& what) {
    table.add({{good ? "ok" : "NOT", good ? Tone::good : Tone::bad}, what});
  };
  out.print("  the child, with its parent's loop:\n");
  for (const auto& [good, what] : f.words) add(good, what);
  add(f.posts_run == posts_wanted && f.handler_run,
      fmt::format("the parent meanwhile: {} of {} posts run, its handlers {}",
                  f.posts_run, posts_wanted, f.handler_run ? "whole" : "lost"));
  table.print(out);
}

}  // namespace

Part demo_fork(Stage& stage) {
  Part part;
  stage.progress.show("fork");
  const ForkFigures f = ForkScene(stage.pollers.front()).play();
  judge(part.verdict, f);
  Json list = Json::array();
  for (const auto& [good, what] : f.words) {
    Json one;
    one.set("held", good).set("what", what);
    list.push(std::move(one));
  }
  part.figures.set("child", std::move(list));
  part.figures.set("parent_posts", posts_wanted).set("parent_posts_run", f.posts_run);
  part.figures.set("parent_handler_whole", f.handler_run);
  part.summary =
      fmt::format("parent's loop refused by name, parent unharmed: {} of {} posts",
                  f.posts_run, posts_wanted);
  stage.progress.clear();
  print_figures(stage.out, f);
  return part;
}

}  // namespace tornado::cli
