// SPDX-License-Identifier: Apache-2.0
// child_reporter_windows VERB [ARGUMENT...]
//   report   tells on stdout what this process was given, one "key value" a line
//   copy     stdin to stdout, to its end
//   exit N   ends with that status
//   sleep    until it is killed
//   write N  writes its name into the C runtime's descriptor N
//   await_break  says "ready", and ends with 68 when a loop of it heard of Ctrl-Break
//   abandon  starts one that sleeps, is to die with this one, and has the same stdout
#include <fcntl.h>
#include <io.h>
#include <windows.h>

// Needs what windows.h defines.
#include <shellapi.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "process/program_windows.h"
#include "tornado/ioloop.h"
#include "tornado/spawn.h"

namespace {

using tornado::to_utf8;

// By units, since arguments may hold anything.
std::string in_hex(const std::wstring& text) {
  std::string hex;
  for (const wchar_t unit : text) {
    char digits[8];
    std::snprintf(digits, sizeof digits, "%04x", static_cast<unsigned>(unit));
    hex += digits;
  }
  return hex;
}

void tell(const std::string& key, const std::string& value) {
  std::printf("%s %s\n", key.c_str(), value.c_str());
}

// Only what was inherited is inheritable in a process that has done nothing yet.
void tell_inherited_handles() {
  constexpr std::uintptr_t step = 4, last = 0x10000;
  for (std::uintptr_t number = step; number < last; number += step) {
    DWORD flags = 0;
    if (::GetHandleInformation(reinterpret_cast<HANDLE>(number), &flags) &&
        (flags & HANDLE_FLAG_INHERIT)) {
      tell("handle", std::to_string(number));
    }
  }
}

void tell_streams() {
  for (const DWORD name : {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE}) {
    const HANDLE handle = ::GetStdHandle(name);
    tell("stream", std::to_string(reinterpret_cast<std::uintptr_t>(handle)) + " " +
                       std::to_string(::GetFileType(handle)));
  }
}

void tell_arguments(int argc, wchar_t** argv) {
  for (int i = 0; i < argc; ++i) tell("runtime", in_hex(argv[i]));
  int count = 0;
  wchar_t** const cut = ::CommandLineToArgvW(::GetCommandLineW(), &count);
  for (int i = 0; i < count; ++i) tell("system", in_hex(cut[i]));
  ::LocalFree(cut);
}

void tell_environment() {
  wchar_t* const block = ::GetEnvironmentStringsW();
  for (const wchar_t* entry = block; *entry; entry += std::wcslen(entry) + 1) {
    tell("env", to_utf8(entry));
  }
  ::FreeEnvironmentStringsW(block);
  std::wstring cwd(32'768, L'\0');
  cwd.resize(::GetCurrentDirectoryW(static_cast<DWORD>(cwd.size()), cwd.data()));
  tell("cwd", to_utf8(cwd));
}

int copy() {
  std::vector<char> bytes(65536);
  for (;;) {
    const int size = ::_read(0, bytes.data(), static_cast<unsigned>(bytes.size()));
    if (size <= 0) return size == 0 ? 0 : 65;
    if (::_write(1, bytes.data(), static_cast<unsigned>(size)) != size) return 66;
  }
}

int abandon(const wchar_t* self) {
  tornado::SpawnOptions options;
  options.argv = {to_utf8(self), "sleep"};
  options.parent_death_signal = 9;
  const tornado::Child child = tornado::spawn(options);
  return child.pid > 0 ? 0 : 67;
}

int await_break() {
  tornado::IOLoop loop;
  loop.add_signal_handler(SIGBREAK, [&loop](int) { loop.stop(); });
  if (::_write(1, "ready", 5) != 5) return 65;
  loop.start();
  return 68;
}

}  // namespace

int wmain(int argc, wchar_t** argv) {
  ::_setmode(0, _O_BINARY);
  ::_setmode(1, _O_BINARY);
  const std::wstring verb = argc > 1 ? argv[1] : L"";
  if (verb == L"report") {
    tell_inherited_handles();
    tell_streams();
    tell_arguments(argc, argv);
    tell_environment();
    return 0;
  }
  if (verb == L"copy") return copy();
  if (verb == L"exit") return ::_wtoi(argv[2]);
  if (verb == L"sleep") ::Sleep(INFINITE);
  if (verb == L"write") return ::_write(::_wtoi(argv[2]), "write", 5) == 5 ? 0 : 65;
  if (verb == L"await_break") return await_break();
  if (verb == L"abandon") return abandon(argv[0]);
  return 64;
}
