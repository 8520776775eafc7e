// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
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

/// Carries what children say to our own output, line by line. While that is not read,
/// neither are the children: they wait, and memory stays bounded.
class Pump {
 public:
  Pump(IOLoop& loop, Writer& writer, LineStyle style)
      : loop_(loop), writer_(writer), style_(style) {}
  ~Pump();
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  /// Reads `from` to its end. `to` is 1 or 2.
  void add(UniqueFd from, int to, const Label& label);
  /// A line of our own, on standard error.
  void say(const Label& label, std::string_view text);
  /// What was written; there is room again.
  void resume();
  /// Those who could write have ended: takes what is there, and waits for no more from
  /// what they left behind.
  void finish();

 private:
  struct Stream {
    UniqueFd from;
    int to;
    Label label;
    LineCutter lines = {};
    bool goes_on = false;  // the line before was a part
  };
  using Place = std::list<Stream>::iterator;

  void watch(Place stream);
  void pause();
  /// Whether there was something, and no end.
  bool read_some(Place stream);
  void end(Place stream);
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
