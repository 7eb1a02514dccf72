"""Which requests a user host sends, and when: a list made beforehand from a seed.

The load program replays it, so what is sent never depends on how the network fares.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

from traffic.arrivals import arrivals_ns
from traffic.clock import NS_PER_S
from traffic.file_problems import Problems
from traffic.inference_wire import MAX_TOKENS
from traffic.tokens import TokenCount

TYPE_CHECKING = False
if TYPE_CHECKING:  # a host that replays a list needs no trace
    from traffic.request_trace import RequestTrace

HEADER = "due_ns,prompt_tokens,answer_tokens,tools"
MAX_TOOLS = 256

Draw = Callable[[], tuple[int, int]]
"""Draws the next request's prompt and answer tokens."""


class PlannedRequest:
    """One request of the list.

    due_ns: after the start. tools: the tool servers (by their place in the list of them) that are
    called one after the other, each between two calls of the model; none for a plain request.
    """

    __slots__ = ("answer_tokens", "due_ns", "prompt_tokens", "tools")

    def __init__(
        self, due_ns: int, prompt_tokens: int, answer_tokens: int, tools: tuple[int, ...] = ()
    ) -> None:
        self.due_ns, self.tools = due_ns, tools
        self.prompt_tokens, self.answer_tokens = prompt_tokens, answer_tokens

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PlannedRequest) and self.line() == other.line()

    def __hash__(self) -> int:
        return hash(self.line())

    def line(self) -> str:
        """Its line of the file."""
        tools = ";".join(map(str, self.tools))
        return f"{self.due_ns},{self.prompt_tokens},{self.answer_tokens},{tools}"


class Agents:
    """How many requests are agents', and which tools they call.

    It is `share` of the requests, each with `calls` (fewest, most) calls to `tools` servers.
    """

    def __init__(self, share: float, calls: tuple[int, int], tools: int, seed: int) -> None:
        self.share, self.calls, self.tools = share, calls, tools
        self._source = random.Random(f"agents {seed}")

    def draw(self) -> tuple[int, ...]:
        """The next request's tools."""
        source = self._source
        if not self.tools or source.random() >= self.share:
            return ()
        return tuple(source.randrange(self.tools) for _ in range(source.randint(*self.calls)))


def drawn_lengths(prompt: TokenCount, answer: TokenCount, seed: int) -> Draw:
    """Prompts and answers from two distributions, independent of each other."""
    source = random.Random(2 * seed + 1)
    return lambda: (prompt.draw(source), answer.draw(source))


def traced_lengths(trace: RequestTrace, seed: int) -> Draw:
    """Prompts and answers of requests of a trace, drawn with replacement, in pairs."""
    source = random.Random(2 * seed + 1)

    def draw() -> tuple[int, int]:
        row = source.randrange(len(trace))
        return trace.prompt_tokens[row], trace.answer_tokens[row]

    return draw


def drawn(
    rate_rps: float, cv: float, lengths: Draw, agents: Agents, seed: int, until_ns: int | None
) -> Iterator[PlannedRequest]:
    """Requests at random times until until_ns after the start, or without end."""
    for due_ns in arrivals_ns(rate_rps, cv, seed):
        if until_ns is not None and due_ns >= until_ns:
            return
        yield PlannedRequest(due_ns, *lengths(), agents.draw())


def replayed(
    trace: RequestTrace,
    agents: Agents,
    until_ns: int | None,
    *,
    speed_up: float = 1.0,
    skip_s: float = 0.0,
    share: tuple[int, int] = (0, 1),
) -> Iterator[PlannedRequest]:
    """Requests at a trace's times, `speed_up` times as fast, from skip_s of the trace's time on.

    share: (k, n): every n-th of these requests from the k-th on, for one of n user hosts.
    """
    skip_ns = round(skip_s * NS_PER_S)
    number, among = share
    for row in range(bisect_left(trace.at_ns, skip_ns) + number, len(trace), among):
        due_ns = round((trace.at_ns[row] - skip_ns) / speed_up)
        if until_ns is not None and due_ns >= until_ns:
            return
        lengths = trace.prompt_tokens[row], trace.answer_tokens[row]
        yield PlannedRequest(due_ns, *lengths, agents.draw())


def write_plan(path: str, requests: Iterable[PlannedRequest]) -> int:
    """Write the list; how many requests it has. Raises OSError."""
    count = 0
    with open(path, "w", encoding="ascii") as file:
        file.write(HEADER + "\n")
        for request in requests:
            file.write(request.line() + "\n")
            count += 1
    return count


def check_plan(path: str, tools: int) -> None:
    """Read the whole list once. Raises OSError, and BadFile with all its problems."""
    problems = Problems(path)
    before_ns = 0
    for line, text in _lines(path, problems):
        try:
            request = _parsed(text)
        except ValueError:
            problems.add(line, f"{text[:60]!r} is no request; the columns are {HEADER}")
            continue
        if request.due_ns < before_ns:
            problems.add(line, f"due_ns {request.due_ns} is before {before_ns}; sort the list")
        before_ns = request.due_ns
        for tool in request.tools:
            if tool >= tools:
                problems.add(line, f"tool {tool} is not among the {tools} given with --tools")
    problems.raise_if_any()


def read_plan(path: str) -> Iterator[PlannedRequest]:
    """The requests of a checked list, one after the other."""
    for _, text in _lines(path, Problems(path)):
        yield _parsed(text)


def _lines(path: str, problems: Problems) -> Iterator[tuple[int, str]]:
    with open(path, encoding="utf-8", errors="replace") as file:
        head = file.readline().strip()
        if head != HEADER:
            problems.add(1, f"{head[:60]!r} is not the header {HEADER} (made by `plan`)")
            return
        for line, text in enumerate(file, start=2):
            yield line, text.rstrip("\n")


def _parsed(text: str) -> PlannedRequest:
    due, prompt, answer, called = text.split(",")
    tools = tuple(int(tool) for tool in called.split(";")) if called else ()
    request = PlannedRequest(int(due), int(prompt), int(answer), tools)
    counts = (request.prompt_tokens, request.answer_tokens)
    if request.due_ns < 0 or min(counts) < 1 or max(counts) > MAX_TOKENS:
        raise ValueError(text)
    if len(tools) > MAX_TOOLS or min(tools, default=0) < 0:
        raise ValueError(text)
    return request
