// SPDX-License-Identifier: Apache-2.0
// Instead of libFuzzer's main:
//   fuzz_NAME FILE...            runs the files, and those in folders
//   fuzz_NAME --random N [SEED]  runs random inputs; --random 1 SEED has one again
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <vector>

#include "fuzz/input.h"

namespace {

namespace fs = std::filesystem;

char running[300];  // told if it aborts

void run(const std::string& name, const std::vector<char>& bytes) {
  std::snprintf(running, sizeof running, "replay: %s\n", name.c_str());
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                         bytes.size());
}

void run_file(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    std::perror(file.c_str());
    std::exit(1);
  }
  run(file.string(), {std::istreambuf_iterator<char>(stream), {}});
}

void run_random(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<char> bytes(random() % 300);
  for (char& byte : bytes) byte = static_cast<char>(random() & 255);
  run("--random 1 " + std::to_string(seed), bytes);
}

std::set<fs::path> files_of(int argc, char** argv) {
  std::set<fs::path> files;
  for (int i = 1; i < argc; ++i) {
    if (!fs::is_directory(argv[i])) {
      files.insert(argv[i]);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(argv[i])) {
      files.insert(entry.path());
    }
  }
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGABRT, [](int) {
    [[maybe_unused]] const auto n = ::write(2, running, std::strlen(running));
  });
  if (argc >= 3 && std::strcmp(argv[1], "--random") == 0) {
    const std::uint64_t rounds = std::strtoull(argv[2], nullptr, 10);
    const std::uint64_t seed =
        argc > 3 ? std::strtoull(argv[3], nullptr, 10) : std::random_device()();
    std::printf("%llu inputs from seed %llu\n", static_cast<unsigned long long>(rounds),
                static_cast<unsigned long long>(seed));
    for (std::uint64_t i = 0; i < rounds; ++i) run_random(seed + i);
    return 0;
  }
  const auto files = files_of(argc, argv);
  for (const fs::path& file : files) run_file(file);
  std::printf("%zu inputs\n", files.size());
  return files.empty() ? 1 : 0;
}
