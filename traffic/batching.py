"""What an inference server computes and when: queue, prefill, and decoding in batches.

No input or output and no clock here: the server says what time it is.

Decoding is continuous batching (iteration-level scheduling: Yu et al., «Orca», OSDI 2022): a step
makes one token for each request in the batch; requests join and leave between steps. Prefill,
which reads the prompt and makes the first token, is done in one of three ways.
"""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count

SEPARATE = "separate"
"""On machines of its own, one for each request in the batch (Splitwise, DistServe)."""
FIRST = "first"
"""Between two steps, whole prompts, all requests waiting meanwhile (vLLM's first scheduler)."""
CHUNKED = "chunked"
"""In pieces that go along with the steps (Sarathi-Serve)."""
PREFILL = (SEPARATE, FIRST, CHUNKED)


class Model:
    """How long computing takes, and how much fits.

    A step with b requests takes decode_ns + (b−1)·decode_ns_per_request; a prompt of p tokens
    prefill_ns + p·prefill_ns_per_token. slots: requests in the batch; kv_tokens: tokens of
    prompts and answers that fit into memory together (None: any number); queue: how many more may
    wait; chunk_tokens: prompt tokens in one step of `chunked`.
    """

    def __init__(
        self,
        *,
        prefill_ns: int,
        prefill_ns_per_token: float,
        decode_ns: int,
        decode_ns_per_request: int = 0,
        slots: int = 8,
        kv_tokens: int | None = None,
        queue: int | None = None,
        prefill: str = SEPARATE,
        chunk_tokens: int = 512,
    ) -> None:
        self.prefill_ns, self.prefill_ns_per_token = prefill_ns, prefill_ns_per_token
        self.decode_ns, self.decode_ns_per_request = decode_ns, decode_ns_per_request
        self.slots, self.kv_tokens, self.queue = slots, kv_tokens, queue
        self.prefill, self.chunk_tokens = prefill, chunk_tokens

    def prefill_time_ns(self, tokens: int, prompts: int = 1) -> int:
        """For `tokens` tokens of prompts, of which `prompts` begin."""
        return prompts * self.prefill_ns + round(tokens * self.prefill_ns_per_token)

    def step_time_ns(self, batch: int) -> int:
        """For a step that makes a token for each of `batch` requests."""
        return self.decode_ns + (batch - 1) * self.decode_ns_per_request if batch else 0


class Work:
    """One request's computing; `tokens` are those made so far."""

    __slots__ = ("answer_tokens", "gone", "owner", "prompt_left", "prompt_tokens", "tokens")

    def __init__(self, owner: object, prompt_tokens: int, answer_tokens: int) -> None:
        self.owner = owner
        self.prompt_tokens, self.answer_tokens = prompt_tokens, answer_tokens
        self.prompt_left = prompt_tokens
        self.tokens = 0
        self.gone = False

    @property
    def size(self) -> int:
        """Tokens that it needs in memory at its end."""
        return self.prompt_tokens + self.answer_tokens

    @property
    def done(self) -> bool:
        """Whether its answer is whole."""
        return self.tokens >= self.answer_tokens


Made = tuple[Work, int]
"""A token that was made: of which work, and its place in the answer."""


class Batching:
    """One server's computing. Call `advance` at `next_ns`, and whenever work came or went."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.queue: deque[Work] = deque()
        self.batch: dict[Work, None] = {}
        """All admitted work, in the order of its admission."""
        self._kv_tokens = 0
        self._number = count()
        self._prefills: list[tuple[int, int, Work]] = []
        self._decoding: dict[Work, None] = {}
        self._step_end_ns: int | None = None
        self._stepping: list[Work] = []
        self._prefilled: list[Work] = []

    def refusal(self, work: Work) -> str | None:
        """Why this work cannot be taken at present; None if it can."""
        kv_tokens, queue = self.model.kv_tokens, self.model.queue
        if kv_tokens is not None and work.size > kv_tokens:
            return f"needs {work.size} tokens of {kv_tokens}"
        if queue is not None and len(self.queue) >= queue and not self._fits(work):
            return "the queue is full"
        return None

    def add(self, work: Work, now_ns: int) -> None:
        """Take work (that `refusal` does not refuse)."""
        self.queue.append(work)
        self._begin(now_ns)

    def cancel(self, work: Work, now_ns: int) -> None:
        """Drop work whose user is gone; a step under way takes its time all the same."""
        work.gone = True
        if work in self.batch:
            self._leave(work)
        elif work in self.queue:
            self.queue.remove(work)
        self._begin(now_ns)

    @property
    def next_ns(self) -> int | None:
        """When something is finished next; None while there is nothing to compute."""
        step_ns = self._step_end_ns
        if not self._prefills:
            return step_ns
        return self._prefills[0][0] if step_ns is None else min(step_ns, self._prefills[0][0])

    def advance(self, now_ns: int) -> list[Made]:
        """All tokens made by now, in order; a late call finds several of one request."""
        made: list[Made] = []
        while (at_ns := self.next_ns) is not None and at_ns <= now_ns:
            if self._step_end_ns == at_ns:
                made += self._end_step()
            else:
                made += self._token(heapq.heappop(self._prefills)[2])
            self._begin(at_ns)
        return made

    def _end_step(self) -> list[Made]:
        self._step_end_ns = None
        made = [token for work in self._stepping for token in self._token(work)]
        made += [token for work in self._prefilled for token in self._token(work)]
        self._stepping, self._prefilled = [], []
        return made

    def _token(self, work: Work) -> list[Made]:
        if work.gone:
            return []
        work.tokens += 1
        if work.done:
            self._leave(work)
        else:
            self._decoding[work] = None
        return [(work, work.tokens - 1)]

    def _leave(self, work: Work) -> None:
        del self.batch[work]
        self._decoding.pop(work, None)
        self._kv_tokens -= work.size

    def _fits(self, work: Work) -> bool:
        kv_tokens = self.model.kv_tokens
        room = kv_tokens is None or self._kv_tokens + work.size <= kv_tokens
        return room and len(self.batch) < self.model.slots

    def _begin(self, now_ns: int) -> None:
        """Admit who waits, and begin the next step if none is under way."""
        while self.queue and self._fits(self.queue[0]):
            work = self.queue.popleft()
            self.batch[work] = None
            self._kv_tokens += work.size
            if self.model.prefill == SEPARATE:
                ready_ns = now_ns + self.model.prefill_time_ns(work.prompt_tokens)
                heapq.heappush(self._prefills, (ready_ns, next(self._number), work))
        if self._step_end_ns is None:
            self._begin_step(now_ns)

    def _begin_step(self, now_ns: int) -> None:
        prefill_ns = self._take_prompts()
        stalled = prefill_ns and self.model.prefill == FIRST
        self._stepping = [] if stalled else list(self._decoding)
        took_ns = prefill_ns + self.model.step_time_ns(len(self._stepping))
        if took_ns:
            self._step_end_ns = now_ns + took_ns

    def _take_prompts(self) -> int:
        """Choose what is read of the prompts in this step, and how long that takes."""
        if self.model.prefill == SEPARATE:
            return 0
        budget = self.model.chunk_tokens if self.model.prefill == CHUNKED else None
        tokens = prompts = 0
        for work in self.batch:
            if not work.prompt_left:
                continue
            if budget is not None and tokens >= budget:
                break
            prompts += work.prompt_left == work.prompt_tokens
            taken = work.prompt_left if budget is None else min(work.prompt_left, budget - tokens)
            work.prompt_left -= taken
            tokens += taken
            if not work.prompt_left:
                self._prefilled.append(work)
        return self.model.prefill_time_ns(tokens, prompts)
