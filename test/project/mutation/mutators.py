# SPDX-License-Identifier: Apache-2.0
"""Faults that are put into a source, each by changing one line of it."""

import re
from dataclasses import dataclass

# clang-format puts spaces around operators, and none around the brackets of templates.
SWAPS = [
    (" < ", " <= "), (" <= ", " < "), (" > ", " >= "), (" >= ", " > "),
    (" == ", " != "), (" != ", " == "), (" && ", " || "), (" || ", " && "),
    (" + ", " - "), (" - ", " + "), (" += ", " -= "), (" -= ", " += "),
    ("++", "--"), ("return true;", "return false;"), ("return false;", "return true;"),
]
CONDITION = re.compile(r"\b(if|while) \((?!constexpr)(.*)\)( \{| [a-z:].*;|)$")
NUMBER = re.compile(r"(?<![\w.])([0-9])(?![\w.])")
STATEMENT = re.compile(r"^(?:[\w:>.()*\[\]-]|, |<[\w: ]*>)+(?: [+|&-]?= .+|\(.*\)|\+\+|--);$"
                       r"|^(?:\+\+|--)[\w.>-]+;$")
# What is no code, is evaluated by the compiler, or changes nothing but the speed.
IGNORED = re.compile(r"^(//|#|using |namespace |template|static_assert|assert\(|friend |"
                     r"public:|private:|static constexpr|constexpr|case |default:|return;)"
                     r"|prefetch\(|pause_point|sync_point|\[\[maybe_unused\]\]|= delete;|= default;")


@dataclass(frozen=True)
class Mutant:
    file: str
    number: int  # of the line, from 1
    before: str
    after: str

    def __str__(self):
        return f"{self.file}:{self.number}: `{self.before}` -> `{self.after}`"


def changes_of(code):
    """Every line that could stand in the place of this one."""
    for old, new in SWAPS:
        at = code.find(old)
        while at != -1:
            yield code[:at] + new + code[at + len(old):]
            at = code.find(old, at + 1)
    if match := CONDITION.search(code):
        word, condition, rest = match.groups()
        yield f"{code[:match.start()]}{word} (!({condition})){rest}"
    for match in NUMBER.finditer(code):
        other = int(match.group(1)) + 1
        yield f"{code[:match.start()]}{other}{code[match.end():]}"
    if STATEMENT.match(code):
        yield ";"


def is_whole(lines, index):
    """Whether a statement starts on this line: the one before it was finished."""
    before = lines[index - 1].split("//")[0].rstrip() if index > 0 else ""
    return not before or before[-1] in "{};:" or before.endswith(")")


def mutants_of(file, text):
    lines = text.splitlines()
    for index, line in enumerate(lines):
        code = line.strip()
        if not code or IGNORED.search(code):
            continue
        remark = code.find("  //")
        code = code[:remark] if remark != -1 else code
        # An operator in text is none.
        if '"' in code:
            continue
        for changed in dict.fromkeys(changes_of(code)):
            if changed == ";" and not is_whole(lines, index):
                continue
            if changed != code:
                yield Mutant(file, index + 1, code, changed)


def apply(mutant, text):
    lines = text.splitlines(keepends=True)
    line = lines[mutant.number - 1]
    assert mutant.before in line
    lines[mutant.number - 1] = line.replace(mutant.before, mutant.after, 1)
    return "".join(lines)
