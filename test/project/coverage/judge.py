#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""judge.py REPORT...: reads what `llvm-cov export` wrote of each program, and wants each
line of the library that no test reached, and each condition that was never true or never
false, to stand in exceptions.txt, under the reason why."""

import json
import sys
from collections import Counter
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]
EXCEPTIONS = SOURCE / "test/project/coverage/exceptions.txt"


def exceptions():
    """How often (file, what) is excused. Reasons are the lines that start with #."""
    found = Counter()
    file = ""
    for line in EXCEPTIONS.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("  "):
            found[file, line.strip()] += 1
        else:
            file = line
    return found


def line_counts(segments):
    """{line: how often it was reached}, of the lines that have code."""
    starts = {}
    for line, _, count, has_count, is_entry, is_gap in segments:
        starts.setdefault(line, []).append((count, has_count, is_entry and not is_gap))
    counts = {}
    wrapped = None  # the region that goes on from the line before
    for line in range(min(starts), max(starts) + 1):
        here = starts.get(line, [])
        entered = [count for count, has_count, is_entry in here if has_count and is_entry]
        if wrapped is not None:
            entered.append(wrapped)
        if entered:
            counts[line] = max(entered)
        if here:
            wrapped = here[-1][0] if here[-1][1] else None
    return counts


class File:
    def __init__(self, path):
        self.name = str(path.relative_to(SOURCE))
        self.text = path.read_text().splitlines()
        self.lines = Counter()
        self.branches = {}

    def add(self, entry):
        """Of one program. It knows little of a function that it does not have."""
        counts = line_counts(entry["segments"]) if entry["segments"] else {}
        for line, count in counts.items():
            self.lines[line] += count
        # Each instance of a template has its own counts.
        for branch in entry["branches"]:
            place = tuple(branch[:4])
            taken = self.branches.setdefault(place, [0, 0])
            taken[0] += branch[4]
            taken[1] += branch[5]

    def between(self, first_line, first, last_line, last):
        if first_line == last_line:
            return self.text[first_line - 1][first - 1:last - 1]
        return self.text[first_line - 1][first - 1:].strip() + " ..."

    def misses(self):
        """(line, what): lines never reached; of those reached, the ways never taken."""
        for line, count in self.lines.items():
            text = self.text[line - 1].strip()
            if count == 0 and text not in ("", "}", "};"):
                yield line, text
        for place, taken in sorted(self.branches.items()):
            if taken == [0, 0]:
                continue  # its line was not reached
            for count, way in zip(taken, ("true", "false")):
                if count == 0:
                    yield place[0], f"never {way}: {self.between(*place)}"


def read(reports):
    files = {}
    for report in reports:
        for entry in json.loads(Path(report).read_text())["data"][0]["files"]:
            path = Path(entry["filename"])
            # All files, of a program that has nothing of the library.
            if path.relative_to(SOURCE).parts[0] not in ("src", "include"):
                continue
            files.setdefault(path, File(path)).add(entry)
    return [files[path] for path in sorted(files)]


def rate(name, reached, there):
    return f"{name}: {reached} of {there} ({100 * reached / max(there, 1):.2f} %)"


def main():
    files = read(sys.argv[1:])
    allowed = exceptions()
    left = Counter(allowed)
    wrong = 0
    for file in files:
        for line, what in file.misses():
            excused = left[file.name, what] > 0
            left[file.name, what] -= excused
            wrong += not excused
            mark = "excepted" if excused else "NOT COVERED"
            print(f"{mark:12} {file.name}:{line}: {what}")
    unused = sum(left.values())
    lines = [count for file in files for count in file.lines.values()]
    ways = [count for file in files for taken in file.branches.values() for count in taken]
    print(rate("lines", sum(map(bool, lines)), len(lines)))
    print(rate("ways of branches", sum(map(bool, ways)), len(ways)))
    print(f"{sum(allowed.values()) - unused} excepted, {wrong} not; "
          f"{unused} exceptions were reached this time")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
