"""What is wrong with a file, all of it at once and each with its line."""

from __future__ import annotations

_MOST_PROBLEMS = 20


class BadFile(ValueError):
    """A file cannot be used; `problems` are (line, message), and `more` others were left off."""

    def __init__(self, path: str, problems: list[tuple[int, str]], more: int = 0) -> None:
        self.path, self.problems, self.more = path, problems, more
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """What to tell: a line for each problem."""
        told = [f"{self.path}:{line}: {message}" for line, message in self.problems]
        if self.more:
            told.append(f"{self.path}: and {self.more} more problems like these")
        return told


class Problems:
    """Collects the problems of one file; the first are kept, the others counted."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._found: list[tuple[int, str]] = []
        self._more = 0

    def add(self, line: int, message: str) -> None:
        """Note one problem."""
        if len(self._found) < _MOST_PROBLEMS:
            self._found.append((line, message))
        else:
            self._more += 1

    def __bool__(self) -> bool:
        return bool(self._found)

    def raise_if_any(self) -> None:
        """Raises BadFile with all of them."""
        if self._found:
            raise BadFile(self.path, self._found, self._more)
