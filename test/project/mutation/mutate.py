#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts faults into the library, one at a time, and wants a test to fail for each.

A mutant is one changed line (mutators.py). What includes it is compiled anew, beside the
build and not in it, and linked in front of the library; the tests in TESTS run until one
fails. Memory orders are not touched: test/proof/models tries those."""

import argparse
import concurrent.futures
import copy
import json
import os
import random
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
from mutators import apply, mutants_of  # noqa: E402

SOURCE = Path(__file__).resolve().parents[3]
LIBRARY = "src/CMakeFiles/tornado.dir/"
EQUIVALENT = SOURCE / "test/project/mutation/equivalent.txt"

LOOP = ["loop_parts_test", "loop_allocation_test", "tornado_cases_test", "loop_test"]
SPAWN = ["faults_test", "spawn_test", "subprocess_test"]
# Sources, and the programs that are to notice.
TESTS = {
    "waker": (["platform/waker.cpp", "platform/loop_waker.h", "platform/wake_protocol.h",
               "platform/wake_eventfd.cpp", "platform/wake_stream_posix.cpp",
               "platform/wakers.cpp"],
              ["waker_fault_test", "waker_test", "tcp_pair_test"]),
    "queue": (["loop/callback_queue.cpp", "loop/callback_queue.h", "loop/callback_list.cpp",
               "loop/callback_list.h", "loop/mailbox.cpp", "loop/mailbox.h"],
              LOOP + ["mailbox_fork_test", "loop_litmus_test"]),
    "timers": (["loop/timer_queue.cpp", "loop/timer_queue.h"], LOOP),
    "handlers": (["loop/handler_table.cpp", "loop/handler_table.h"],
                 LOOP + ["loop_differential_test"]),
    "spawn": (["process/spawn.cpp", "process/spawn_posix.cpp", "process/low_slots.cpp",
               "process/descriptor_moves.cpp", "process/child_streams.cpp",
               "process/environment.cpp", "process/child_linux.cpp",
               "process/close_others_linux.cpp", "process/launch_linux.cpp",
               "process/launch_by_fork.cpp"],
              SPAWN),
}


def run(command, seconds, cwd=None):
    """The status; None if it took longer. Everything it started is ended."""
    def limit():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
    process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True, preexec_fn=limit)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def isolation():
    """A mutant may signal, or leave behind, what is not its own: give it pids of its own."""
    prefix = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
              # Not the tests themselves: orphans become the children of the first process.
              "sh", "-c", '"$@"; exit $?', "sh"]
    if shutil.which("unshare") and run(prefix + ["true"], 10) == 0:
        return prefix
    return []


class Build:
    """A finished build, of which nothing is changed."""

    def __init__(self, folder):
        self.folder = folder
        self.shadow = None  # one for each mutant
        commands = json.loads((folder / "compile_commands.json").read_text())
        self.compile = {}
        for entry in commands:
            arguments = shlex.split(entry["command"])
            self.compile[arguments[arguments.index("-o") + 1]] = arguments
        self.users = self.read_users()

    def ninja(self, *arguments):
        return subprocess.run(["ninja", "-C", self.folder, "-t", *arguments], check=True,
                              capture_output=True, text=True).stdout

    def read_users(self):
        """Which objects are made from a file."""
        users = {}
        target = None
        for line in self.ninja("deps").splitlines():
            if match := re.match(r"(\S+): #deps", line):
                target = match.group(1)
            elif line.startswith("    "):
                path = (self.folder / line.strip()).resolve()
                users.setdefault(path, set()).add(target)
        return users

    def link_command(self, program):
        line = self.ninja("commands", f"bin/{program}").splitlines()[-1]
        command = shlex.split(line)
        return command[command.index("&&") + 1:command.index("&&", 2)]

    def objects(self, file, programs):
        """What has to be compiled again: of the library, and of these programs."""
        wanted = [LIBRARY] + [f"/{program}.dir/" for program in programs]
        users = self.users.get((SOURCE / file).resolve(), set())
        return sorted(o for o in users if any(w in f"/{o}" or o.startswith(w) for w in wanted))

    def compile_object(self, target, file):
        arguments = list(self.compile[target])
        made = self.shadow / "objects" / target.replace("/", "_")
        made.parent.mkdir(parents=True, exist_ok=True)
        arguments[arguments.index("-o") + 1] = str(made)
        source = arguments.index("-c") + 1
        if Path(arguments[source]).resolve() == (SOURCE / file).resolve():
            arguments[source] = str(self.shadow / file)
        # A changed header is found before the one that is in its place.
        arguments[1:1] = [f"-I{self.shadow}/src", f"-I{self.shadow}/include", "-w"]
        arguments.append("-g0")  # nobody debugs it
        return made if run(arguments, 300, self.folder) == 0 else None

    def link(self, program, made):
        """With these objects; those of the library are found before its own."""
        command = self.link_command(program)
        linked = self.shadow / program
        output = command.index("-o") + 1
        command[output] = str(linked)
        own = [str(made.get(word, word)) for word in command]
        used = set(command)
        own[output + 1:output + 1] = [str(path) for target, path in made.items()
                                      if target not in used and target.startswith(LIBRARY)]
        own.append("-Wl,--strip-debug")
        if shutil.which("ld.lld"):  # in a tenth of the time
            own.append("-fuse-ld=lld")
        return linked if run(own, 300, self.folder) == 0 else None


class Judge:
    def __init__(self, build):
        self.build = build
        self.prefix = isolation()
        self.seconds = {}

    def passes(self, binary, seconds):
        command = self.prefix + [str(binary), "--gtest_brief=1", "--gtest_fail_fast"]
        return run(command, seconds) == 0

    def learn(self, programs):
        """How long the tests take when there is no fault."""
        for program in programs:
            begin = time.monotonic()
            if not self.passes(self.build.folder / "bin" / program, 300):
                sys.exit(f"{program} fails without any fault")
            self.seconds[program] = time.monotonic() - begin

    def judge(self, mutant, programs):
        build = copy.copy(self.build)
        with tempfile.TemporaryDirectory(prefix="mutant-", dir=build.folder) as shadow:
            build.shadow = Path(shadow)
            return self.judge_by(build, mutant, programs)

    def judge_by(self, build, mutant, programs):
        changed = build.shadow / mutant.file
        changed.parent.mkdir(parents=True)
        changed.write_text(apply(mutant, (SOURCE / mutant.file).read_text()))
        made = {}
        for target in build.objects(mutant.file, programs):
            made[target] = build.compile_object(target, mutant.file)
            if not made[target]:
                return "not compiled", ""
        if not made:
            sys.exit(f"nothing is made from {mutant.file}")
        for program in programs:
            binary = build.link(program, made)
            if not binary:
                return "not compiled", ""
            if not self.passes(binary, 20 + 5 * self.seconds[program]):
                return "killed", f"by {program}"
        return "survived", ""


def explained():
    """Mutants that change nothing that can be seen, each with the reason."""
    pattern = re.compile(r"^(\S+): `(.*)` -> `(.*)`$")
    found = set()
    for line in EQUIVALENT.read_text().splitlines():
        if match := pattern.match(line):
            found.add(match.groups())
    return found


def stale(known):
    there = {(m.file, m.before, m.after) for m, _ in all_mutants(TESTS, None)}
    return [f"{file}: `{before}` -> `{after}`" for file, before, after in known - there]


def all_mutants(groups, only_programs):
    for group in groups:
        files, programs = TESTS[group]
        programs = [p for p in programs if not only_programs or p in only_programs]
        for file in files:
            path = f"src/{file}"
            for mutant in mutants_of(path, (SOURCE / path).read_text()):
                yield mutant, programs


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=SOURCE / "build/dev")
    parser.add_argument("--sample", type=int, default=40, help="0 for all")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--group", action="append", choices=list(TESTS))
    parser.add_argument("--only", default="", help="mutants whose description has this")
    parser.add_argument("--jobs", type=int, default=int(os.environ.get("JOBS", 2)))
    parser.add_argument("--least", type=float, default=95, help="percent to be killed")
    parser.add_argument("--by", action="append", help="this test program, and not the others")
    parser.add_argument("--programs", action="store_true", help="name the tests, and end")
    return parser.parse_args()


def main():
    options = arguments()
    groups = options.group or list(TESTS)
    programs = sorted({p for group in groups for p in options.by or TESTS[group][1]})
    if options.programs:
        print(*programs)
        return 0
    known = explained()
    for line in stale(known):
        sys.exit(f"explained, and no mutant: {line}")
    mutants = [m for m in all_mutants(groups, options.by) if options.only in str(m[0])]
    open_ones = [m for m in mutants
                 if (m[0].file, m[0].before, m[0].after) not in known]
    chosen = open_ones
    if 0 < options.sample < len(open_ones):
        chosen = random.Random(options.seed).sample(open_ones, options.sample)
    print(f"{len(mutants)} mutants, {len(mutants) - len(open_ones)} of them explained; "
          f"{len(chosen)} chosen by --seed {options.seed}", flush=True)
    judge = Judge(Build(options.build.resolve()))
    judge.learn(programs)
    counts = Counter()
    # Programs wait more than they compute.
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(judge.judge, *one): one[0] for one in chosen}
        for done in concurrent.futures.as_completed(running):
            verdict, by = done.result()
            counts[verdict] += 1
            print(f"{verdict:12} {running[done]} {by}", flush=True)
    compiled = counts["killed"] + counts["survived"]
    rate = 100 * counts["killed"] / compiled if compiled else 0
    print(f"killed {counts['killed']} of {compiled} ({rate:.1f} %); "
          f"{counts['not compiled']} did not compile")
    return 0 if rate >= options.least else 1


if __name__ == "__main__":
    os.environ.setdefault("TORNADO_TEST_SCALE", "0.05")
    sys.exit(main())
