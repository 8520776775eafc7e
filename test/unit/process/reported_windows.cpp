// SPDX-License-Identifier: Apache-2.0
#include "process/reported_windows.h"

#include <windows.h>
#include <winsock2.h>

#include <array>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "net/socket_calls.h"
#include "process/program_windows.h"

namespace tornado::test {
namespace {

constexpr int patience_ms = 30'000;

std::wstring from_hex(const std::string& hex) {
  std::wstring text;
  for (std::size_t at = 0; at + 4 <= hex.size(); at += 4) {
    text += static_cast<wchar_t>(std::stoul(hex.substr(at, 4), nullptr, 16));
  }
  return text;
}

Reported parse(const std::string& told) {
  Reported result;
  std::istringstream text(told);
  std::string line;
  while (std::getline(text, line)) {
    const std::string key = line.substr(0, line.find(' '));
    const std::string value = line.substr(line.find(' ') + 1);
    if (key == "handle") result.handles.push_back(value);
    if (key == "stream") result.streams.push_back(value);
    if (key == "runtime") result.runtime_arguments.push_back(from_hex(value));
    if (key == "system") result.system_arguments.push_back(from_hex(value));
    if (key == "env") result.environment.push_back(value);
    if (key == "cwd") result.cwd = value;
  }
  return result;
}

}  // namespace

std::string child_reporter_path() {
  std::wstring self(32'768, L'\0');
  self.resize(
      ::GetModuleFileNameW(nullptr, self.data(), static_cast<DWORD>(self.size())));
  return to_utf8(
      (std::filesystem::path(self).parent_path() / L"child_reporter_windows.exe")
          .wstring());
}

SpawnOptions reporter(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), child_reporter_path());
  SpawnOptions options;
  options.argv = std::move(arguments);
  return options;
}

std::string read_all(NativeFd pipe) {
  std::array<char, 65536> bytes;
  std::string text;
  for (;;) {
    WSAPOLLFD look{pipe, POLLRDNORM, 0};
    if (::WSAPoll(&look, 1, patience_ms) != 1) throw std::runtime_error("no end came");
    const Moved done = receive_bytes(pipe, std::as_writable_bytes(std::span(bytes)));
    if (done.bytes == 0 && !done.would_block()) return text;
    text.append(bytes.data(), done.bytes);
  }
}

std::optional<std::size_t> write_once(NativeFd pipe, std::string_view text) {
  const Bytes bytes = std::as_bytes(std::span(text));
  const Moved done = send_pieces(pipe, {&bytes, 1});
  if (done.error && !done.would_block()) return {};
  return done.bytes;
}

void write_all(NativeFd pipe, std::string_view text) {
  while (!text.empty()) {
    const std::optional<std::size_t> written = write_once(pipe, text);
    if (!written) throw std::runtime_error("the pipe is closed");
    text.remove_prefix(*written);
    if (*written == 0) std::this_thread::yield();
  }
}

Reported report_of(SpawnOptions options) {
  options.argv.insert(options.argv.begin(), {child_reporter_path(), "report"});
  options.out = Stdio::pipe();
  Child child = spawn(options);
  const std::string told = read_all(child.out.get());
  if (wait_child(child) != 0) throw std::runtime_error("the reporter failed");
  return parse(told);
}

}  // namespace tornado::test
