// SPDX-License-Identifier: Apache-2.0
#include "run/pump.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <iterator>

namespace tornado::cli {
namespace {

constexpr std::chrono::milliseconds prompt_delay{500};
constexpr std::array colours = {36, 33, 32, 35, 34, 96, 93, 92, 95, 94};

std::string wall_clock() {
  return fmt::format("{:%H:%M:%S}", fmt::localtime(std::time(nullptr)));
}

}  // namespace

void Pump::add(UniqueFd from, int to, const Label& label) {
  streams_.push_back({std::move(from), to, label});
  if (!paused_) watch(std::prev(streams_.end()));
}

void Pump::watch(Place stream) {
  stream->reading = Registration(
      loop_, stream->from.get(),
      [this, stream](NativeFd, Events) {
        read_some(stream);
        if (!paused_ && writer_.full()) pause();
      },
      Events::read);
}

void Pump::pause() {
  for (Stream& stream : streams_) stream.reading.reset();
  paused_ = true;
}

void Pump::resume() {
  if (!std::exchange(paused_, false)) return;
  for (auto stream = streams_.begin(); stream != streams_.end(); ++stream) {
    watch(stream);
  }
}

void Pump::finish() {
  constexpr int most_reads = 64;  // a process that is left may write without end
  while (!streams_.empty()) {
    const auto stream = streams_.begin();
    const auto left = streams_.size();
    for (int i = 0; i < most_reads && read_some(stream); ++i) {
    }
    if (streams_.size() == left) end(stream);
  }
}

bool Pump::read_some(Place stream) {
  std::array<char, std::size_t{16} << 10> bytes;
  const ssize_t n = ::read(stream->from.get(), bytes.data(), bytes.size());
  if (n > 0) {
    std::string text;
    stream->lines.feed(
        {bytes.data(), static_cast<std::size_t>(n)},
        [&](std::string_view line, bool more) { add_line(text, *stream, line, more); });
    writer_.put(stream->to, text);
    await_rest(stream);
    return true;
  }
  if (n == 0 || (errno != EAGAIN && errno != EINTR)) end(stream);
  return false;
}

void Pump::await_rest(Place stream) {
  stream->prompt.reset();
  if (!stream->lines.has_part()) return;
  stream->prompt = Timeout(loop_, prompt_delay, [this, stream] {
    std::string text;
    stream->lines.flush(
        [&](std::string_view line, bool more) { add_line(text, *stream, line, more); });
    writer_.put(stream->to, text);
  });
}

void Pump::end(Place stream) {
  std::string text;
  stream->lines.end(
      [&](std::string_view line, bool more) { add_line(text, *stream, line, more); });
  writer_.put(stream->to, text);
  streams_.erase(stream);
}

void Pump::say(const Label& label, std::string_view text) {
  writer_.put(STDERR_FILENO,
              fmt::format("{}{}\n", prefix(STDERR_FILENO, label, '*'), text));
}

std::string Pump::prefix(int to, const Label& label, char mark) const {
  std::string text = style_.time ? wall_clock() : std::string();
  if (style_.time) text += ' ';
  text += label.name;
  text += ' ';
  text += mark;
  if (to == STDOUT_FILENO ? style_.out_colour : style_.err_colour) {
    text =
        fmt::format("\x1b[{}m{}\x1b[0m", colours[label.number % colours.size()], text);
  }
  return text + ' ';
}

void Pump::add_line(std::string& text, Stream& stream, std::string_view line,
                    bool more) const {
  // Only the newline of a part that was shown.
  if (stream.goes_on && line.empty() && !more) {
    stream.goes_on = false;
    return;
  }
  text += prefix(stream.to, stream.label, stream.goes_on ? '+' : '|');
  text += line;
  text += '\n';
  stream.goes_on = more;
}

}  // namespace tornado::cli
