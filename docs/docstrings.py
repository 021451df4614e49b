"""Docstrings as Markdown: what they write in columns becomes a list, and their mathematics stays as it is written."""

import re
from typing import Any

import griffe

COLUMNS = re.compile(r"^ *(\S+(?:,? \S+)*?)  +(\S.*)$")  # name   meaning, and what follows is indented
NAMED = re.compile(r"^([a-z_]\w*(?:, [a-z_]\w*)*): (\S.*)$")  # name: meaning, and what follows is not


def as_markdown(text: str) -> str:
    """What is named and explained as a list, other lines as they are; signs that Markdown would take for its own are escaped."""
    lines: list[str] = []
    indent = None  # of the list that is open; what is deeper goes on with its last entry
    for line in text.splitlines():
        depth = len(line) - len(line.lstrip())
        if match := COLUMNS.match(line) or NAMED.match(line):
            lines += ([""] if indent is None else []) + [f"- `{match[1]}` {_escaped(match[2])}"]
            indent = depth if COLUMNS.match(line) else -1
        elif indent is not None and line.strip() and depth > indent:
            lines[-1] += f" {_escaped(line.strip())}"
        else:
            lines += ([""] if indent is not None else []) + [_escaped(line)]
            indent = None
    return "\n".join(lines)


def _escaped(line: str) -> str:
    parts = re.split(r"(`[^`]*`)", line)
    return "".join(part if i % 2 else re.sub(r"[*_[]", r"\\\g<0>", part).replace("<", "&lt;") for i, part in enumerate(parts))


class Columns(griffe.Extension):
    """Puts `as_markdown` in front of whatever is shown."""

    def on_instance(self, *, obj: Any, **more: Any) -> None:
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)
