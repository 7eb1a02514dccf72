"""The blocks of a page that a reader may copy: commands, Python, YAML and JSON.

A comment right before a block says what cannot be seen from it:

    <!-- file: my-cut.yaml -->     the block is this file's content, for the commands after it
    <!-- check: slow -->           its commands take long: run by `python -m tests.docs --all` only
    <!-- check: skip REASON -->    it cannot be run here, and why
    <!-- check: run -->            Python that is run as it stands, not only compiled
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

_COMMENT = re.compile(r"<!-- (?P<word>file|check): (?P<rest>.*?) -->")
_SHELL = ("sh", "bash", "console", "shell")
_PROGRAMS = re.compile(
    r"^(\$ )?(sudo |[A-Z_]+=\S+ )*(\./fibercut|fibercut|\.venv/bin/\w+|python3?|vagrant|mn|dask|pip"
    r"|git|bash|ln|ls|echo|cd|export|eval)\s|^[a-z_]+=\S"
)
_COMMENT_OF_SHELL = re.compile(r"(^|[ \t]+)#[ \t].*$", re.MULTILINE)
# What spans several lines, or changes the shell for those that follow.
_WHOLE = re.compile(
    r"(^|\s)(for|while|if|do|done|case)(\s|$)|<<|[^&]&$|^(cd|export) |^[a-zA-Z_]+=\S+$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One block. line: of the page. language: `sh`, `python`, `yaml`, … or empty.
    says_shell: whether the page itself calls it a shell's, so that every line is a command.

    check: the words of a comment before it (`slow`, `run`, `skip REASON`). file: the name that
    its content is written to.
    """

    page: Path
    line: int
    language: str
    text: str
    check: str = ""
    file: str = ""
    says_shell: bool = False

    @property
    def place(self) -> str:
        """Where a person finds it."""
        return f"{self.page}:{self.line}"

    def commands(self) -> list[str]:
        """Its shell commands, each with its continued lines and without its comment."""
        text = _COMMENT_OF_SHELL.sub("", self.text)
        if _WHOLE.search(text):
            return [text.strip()]
        joined = re.sub(r"\\\n\s*", "", text)
        lines = (_command(line, self.says_shell) for line in joined.splitlines())
        return [found for found in lines if found]


def blocks(page: Path) -> Iterator[Block]:
    """All blocks of a Markdown page, in their order."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    said: dict[str, str] = {}
    for token in tokens:
        if token.type == "html_block":
            said |= {found["word"]: found["rest"] for found in _COMMENT.finditer(token.content)}
        elif token.type in ("fence", "code_block"):
            yield _block(page, token, said)
            said = {}
        elif token.type == "heading_open":
            said = {}


def _block(page: Path, token: Token, said: dict[str, str]) -> Block:
    language = token.info.split(" ")[0]
    if not language and _PROGRAMS.match(token.content):
        language = "sh"
    line = (token.map or [0])[0] + 1
    check, file = said.get("check", ""), said.get("file", "")
    says_shell = token.info.split(" ")[0] in _SHELL
    kind = "sh" if language in _SHELL else language
    return Block(page, line, kind, token.content, check, file, says_shell)


def _command(line: str, any_program: bool) -> str:
    """A line without prompt and comment; empty if it is no command."""
    bare = line.strip().removeprefix("$ ")
    if bare.startswith("#") or not (any_program or _PROGRAMS.match(f"{bare} ")):
        return ""
    return bare


def words(command: str) -> list[str] | None:
    """A simple command's words; None if it needs a shell (pipes, redirections, variables)."""
    if re.search(r"[|&;<>$`\n]", command):
        return None
    try:
        return shlex.split(command)
    except ValueError:
        return None
