// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <optional>
#include <string>
#include <string_view>

#include "run/line_cutter.h"
#include "run/writer.h"
#include "text/output.h"
#include "tornado/tornado.h"

namespace tornado::cli {

/// Whose line it is.
struct Label {
  std::string name;     ///< padded
  unsigned number = 0;  ///< chooses the colour
};

/// What stands in front of each line.
struct LineStyle {
  bool time = true;
  bool out_colour = false;
  bool err_colour = false;
};

/// Copies the output of commands to our own output, line by line. While our output
/// blocks, it does not read from the commands: they wait, and memory stays bounded.
class Pump {
 public:
  Pump(IOLoop& loop, Writer& writer, LineStyle style)
      : loop_(loop), writer_(writer), style_(style) {}
  ~Pump() = default;
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  /// Reads `from` to its end. `to` is 1 or 2.
  void add(UniqueFd from, int to, const Label& label);
  /// A line of our own, on standard error.
  void say(const Label& label, std::string_view text);
  /// Reads again: the writer has room.
  void resume();
  /// The commands have ended: takes the output that is there, and waits for no more.
  void finish();

 private:
  struct Stream {
    UniqueFd from;
    int to;
    Label label;
    LineCutter lines = {};
    bool goes_on = false;  // the line before was a part
    Timeout prompt = {};
    Registration reading = {};
  };
  using Place = std::list<Stream>::iterator;

  void watch(Place stream);
  void pause();
  /// Whether there was something, and no end.
  bool read_some(Place stream);
  void end(Place stream);
  /// Shows the beginning of a line, such as a prompt, unless more of it comes soon.
  void await_rest(Place stream);
  [[nodiscard]] std::string prefix(int to, const Label& label, char mark) const;
  void add_line(std::string& text, Stream& stream, std::string_view line,
                bool more) const;

  IOLoop& loop_;
  Writer& writer_;
  const LineStyle style_;
  std::list<Stream> streams_;
  bool paused_ = false;
};

}  // namespace tornado::cli
