// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "system/worker.h"
#include "tornado/loop_handle.h"

namespace tornado::cli {

/// Writes to standard output and standard error, in one order, on a thread that may
/// block. To make them non-blocking instead would change them for everybody who shares
/// them: the shell, and the programs on the other side of a terminal.
class Writer {
 public:
  struct News {
    std::function<void()> written;            ///< all that there was
    std::function<void(std::string)> failed;  ///< empty: the reader is gone
  };

  /// `news` is called on the loop.
  Writer(LoopHandle loop, News news);
  /// Waits until all is written, or writing has failed.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void put(int fd, std::string_view text);
  /// More waits to be written than should.
  [[nodiscard]] bool full() const;
  [[nodiscard]] bool idle() const;

 private:
  struct Piece {
    int fd;
    std::string text;
  };

  void work();
  void fail(const std::string& why);

  static constexpr std::size_t enough = std::size_t{256} << 10;

  const LoopHandle loop_;
  const News news_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Piece> waiting_;
  std::size_t size_ = 0;  // of what waits and what is being written
  bool ending_ = false;
  bool failed_ = false;
  Worker worker_;  // last: it uses the others
};

}  // namespace tornado::cli
