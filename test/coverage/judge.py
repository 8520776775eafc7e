#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""judge.py REPORT: reads what `gcovr --json` wrote, and wants each line of the library
that no test reached to stand in exceptions.txt, under the reason why it cannot be."""

import json
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
EXCEPTIONS = SOURCE / "test/coverage/exceptions.txt"


def exceptions():
    """{(file, text of the line)}. Reasons are the lines that start with #."""
    found = set()
    file = ""
    for line in EXCEPTIONS.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("  "):
            found.add((file, line.strip()))
        else:
            file = line
    return found


def missed_lines(report):
    for file in report["files"]:
        name = file["file"]
        text = (SOURCE / name).read_text().splitlines()
        for line in file["lines"]:
            if line["count"] == 0 and not line.get("gcovr/noncode"):
                number = line["line_number"]
                yield name, number, text[number - 1].strip()


def count(report):
    lines = [line for file in report["files"] for line in file["lines"]
             if not line.get("gcovr/noncode")]
    branches = [branch for line in lines for branch in line["branches"]]
    return ((sum(line["count"] > 0 for line in lines), len(lines)),
            (sum(branch["count"] > 0 for branch in branches), len(branches)))


def main():
    report = json.loads(Path(sys.argv[1]).read_text())
    allowed = exceptions()
    missed = list(missed_lines(report))
    for name, number, text in missed:
        mark = "excepted" if (name, text) in allowed else "NOT COVERED"
        print(f"{mark:12} {name}:{number}: {text}")
    stale = [(name, text) for name, text in sorted(allowed)
             if text not in map(str.strip, (SOURCE / name).read_text().splitlines())]
    for name, text in stale:
        print(f"no such line {name}: {text}")
    lines, branches = count(report)
    wrong = [line for line in missed if (line[0], line[2]) not in allowed]
    print(f"lines: {lines[0]} of {lines[1]} ({100 * lines[0] / lines[1]:.2f} %), "
          f"{len(missed) - len(wrong)} of the others excepted, {len(wrong)} not")
    print(f"branches: {branches[0]} of {branches[1]} "
          f"({100 * branches[0] / branches[1]:.2f} %)")
    return 1 if wrong or stale else 0


if __name__ == "__main__":
    sys.exit(main())
