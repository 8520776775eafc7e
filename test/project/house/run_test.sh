#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run_test.sh CASE RUN FOLDER: what ./run would do on machines that are made up here, out
# of a PATH with nothing in it but what each case puts there.
set -eu
case_name=$1
run=$2
folder=$3/$case_name

rm -rf "$folder"
mkdir -p "$folder"
for tool in sh cat cut dirname env grep id sed sort tr uname; do
  ln -s "$(command -v $tool)" "$folder/$tool"
done

fake() { # name [line of shell]...
  name=$1
  shift
  {
    echo '#!/bin/sh'
    printf '%s\n' "$@"
  } >"$folder/$name"
  chmod +x "$folder/$name"
}
fake_user() {
  rm "$folder/id"
  fake id "echo $1"
}
output_of() { env -i "PATH=$folder" JOBS=1 "$folder/sh" "$run" "$@" 2>&1 </dev/null; }

expect() {
  echo "$output" | grep -qF -- "$1" && return
  echo "expected: $1"
  echo "$output"
  exit 1
}
expect_not() {
  echo "$output" | grep -qF -- "$1" || return 0
  echo "not expected: $1"
  echo "$output"
  exit 1
}

case $case_name in
  names_what_is_missing_and_nothing_else)
    fake apt-get 'exit 1'
    fake ninja ''
    fake pkg-config ''
    fake c++ 'while read -r line; do :; done; echo fmt/core.h libfmt-dev fmt-devel fmt fmt'
    fake_user 0
    output=$(output_of --dry-run)
    expect '  missing: cmake fmt/core.h'
    expect 'apt-get install -y --no-install-recommends cmake libfmt-dev'
    expect_not sudo
    ;;
  installs_a_compiler_where_there_is_none)
    fake apt-get 'exit 1'
    fake_user 0
    output=$(output_of --dry-run)
    expect ' g++ '
    expect ' libgtest-dev '
    ;;
  installs_nothing_when_nothing_is_missing)
    fake apt-get 'exit 1'
    for tool in cmake ninja pkg-config; do fake $tool ''; done
    fake c++ 'while read -r line; do :; done'
    output=$(output_of --dry-run)
    expect 'all here'
    expect_not apt-get
    expect 'tornado demo'
    ;;
  asks_sudo_only_when_it_is_not_root)
    fake apt-get 'exit 1'
    fake sudo 'exit 1'
    fake_user 1000
    output=$(output_of --dry-run)
    expect 'sudo -n apt-get update'
    ;;
  says_what_root_has_to_do_where_there_is_no_sudo)
    fake apt-get 'exit 1'
    fake_user 1000
    output=$(output_of --dry-run || echo "status $?")
    expect 'As root, run: apt-get'
    expect 'status 1'
    ;;
  names_the_packages_of_other_systems_and_goes_on)
    fake c++ 'while read -r line; do :; done'
    output=$(output_of --dry-run)
    expect 'dnf install cmake ninja-build pkgconf-pkg-config'
    expect 'pacman -S cmake ninja pkgconf'
    expect 'brew install cmake ninja pkgconf'
    expect 'cmake --preset release'
    ;;
  stops_at_the_first_command_that_fails)
    for tool in ninja pkg-config; do fake $tool ''; done
    fake c++ 'while read -r line; do :; done'
    # shellcheck disable=SC2016 # for the shell in the fake
    fake cmake '[ "$1" != --version ] || { echo cmake version 3.22.1; exit 0; }' 'exit 3'
    output=$(output_of test || echo "status $?")
    expect 'cmake --preset release'
    expect 'status 3'
    expect_not 'ctest'
    ;;
  refuses_a_cmake_that_is_too_old)
    for tool in ninja pkg-config; do fake $tool ''; done
    fake c++ 'while read -r line; do :; done'
    fake cmake 'echo cmake version 3.18.4'
    output=$(output_of || echo "status $?")
    expect 'cmake 3.18 is too old: 3.22 is needed'
    expect 'status 1'
    ;;
  verify_installs_what_proves_and_runs_every_stage)
    fake apt-get 'exit 1'
    fake_user 0
    output=$(output_of --dry-run verify)
    expect ' llvm-19 '
    expect ' valgrind '
    expect ' libclang-rt-19-dev '
    expect '$ tools/check --everything'
    output=$(output_of --dry-run verify some || echo "status $?")
    expect 'verify takes no arguments'
    ;;
  refuses_verbs_that_it_does_not_know)
    output=$(output_of dance || echo "status $?")
    expect 'no such verb: dance'
    expect 'status 1'
    ;;
  *)
    echo "no such case: $case_name"
    exit 1
    ;;
esac
