"""Open-loop requests: a late answer never delays the next request.

A request asks the model once; an agent's asks it several times and calls a tool server between
two of its answers. Where several servers can answer, they are asked in their order: the next one
when one fails or makes no token in time.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator

from traffic.clock import NS_PER_MS, NS_PER_S, now_ns
from traffic.command import window
from traffic.event_loop import EventLoop
from traffic.inference_pool import Call, Pool
from traffic.output import JsonLines
from traffic.request_plan import PlannedRequest

_CALL_PROMPT_TOKENS = 1


class _Request:
    """One request, from its due time to its line in the log."""

    def __init__(self, load: Load, number: int, due_ns: int, plan: PlannedRequest) -> None:
        self.load, self.number, self.due_ns, self.plan = load, number, due_ns, plan
        self.legs = 2 * len(plan.tools) + 1
        self.leg = 0
        self.server = 0
        self.call: Call | None = None
        self.over = False
        self.sent_ns: int | None = None
        self.sent_bytes = self.received_bytes = 0
        self.reused = False
        self.tool_ns = 0
        self.failures: list[str] = []

    @property
    def is_tool(self) -> bool:
        return self.leg % 2 == 1

    def begin_leg(self) -> None:
        """Ask the model or a tool for the next part of the answer."""
        args, plan, turn = self.load.args, self.plan, self.leg // 2
        if self.is_tool:
            pool, tokens, answer = self.load.tools[plan.tools[turn]], _CALL_PROMPT_TOKENS, 1
            size = args.tool_request_bytes
        else:
            pool = self.load.servers[self.server]
            tokens = plan.prompt_tokens + turn * (args.tool_call_tokens + args.tool_result_tokens)
            last = self.leg == self.legs - 1
            answer = plan.answer_tokens if last else args.tool_call_tokens
            size = tokens * args.bytes_per_token
        self.call = Call(self.load.next_call(), tokens, answer, size, self.on_end)
        if not self.is_tool and self.server + 1 < len(self.load.servers):
            self.watch(self.call, now_ns())
        pool.begin(self.call)

    def watch(self, call: Call, since_ns: int) -> None:
        """Look after the call when no token may have come since a moment for too long."""
        self.load.loop.at(since_ns + self.load.failover_ns, lambda: self.fail_over(call, since_ns))

    def fail_over(self, call: Call, since_ns: int) -> None:
        """Give a call up on which nothing has come; another server may answer."""
        if call.end_ns is not None:
            return
        if call.last_token_ns is not None and call.last_token_ns > since_ns:
            self.watch(call, call.last_token_ns)
        else:
            call.abandon(f"no token in {self.load.args.failover_ms:g} ms")

    def on_end(self, call: Call, reason: str | None) -> None:
        """A call is over: go on, ask the next server, or give up."""
        self.account(call)
        if self.over:
            return
        if reason is None:
            self.leg += 1
            if self.leg == self.legs:
                self.load.finish(self, "ok", None)
            else:
                self.begin_leg()
            return
        self.failures.append(f"{self.pool_name}: {reason}")
        if not self.is_tool and self.server + 1 < len(self.load.servers):
            self.server += 1
            self.begin_leg()
        else:
            self.load.finish(self, "failed", f"tool: {reason}" if self.is_tool else reason)

    def account(self, call: Call) -> None:
        """Add a finished call's bytes and times."""
        if self.sent_ns is None:
            self.sent_ns, self.reused = call.sent_ns, call.reused
        self.sent_bytes += call.sent_bytes
        self.received_bytes += call.received_bytes
        if self.is_tool and call.end_ns is not None and call.sent_ns is not None:
            self.tool_ns += call.end_ns - call.sent_ns

    @property
    def pool_name(self) -> str:
        """The server that is asked at present."""
        if self.is_tool:
            return self.load.tools[self.plan.tools[self.leg // 2]].name
        return self.load.servers[self.server].name

    def give_up(self, status: str, reason: str) -> None:
        """End it whatever its call does."""
        self.over = True
        if self.call is not None and self.call.connection is not None:
            self.failures.append(f"{self.pool_name}: {reason}")
            self.call.abandon(reason)
        self.load.finish(self, status, reason)

    def record(self, status: str, reason: str | None) -> dict[str, object]:
        answer = self.call if self.leg >= self.legs - 1 else None
        return {
            "id": self.number,
            "status": status,
            "reason": reason,
            "due_ns": self.due_ns,
            "sent_ns": self.sent_ns,
            "first_token_ns": answer.first_token_ns if answer else None,
            "end_ns": answer.end_ns if answer and status == "ok" else now_ns(),
            "prompt_tokens": self.plan.prompt_tokens,
            "tokens_expected": self.plan.answer_tokens,
            "tokens": answer.reader.tokens if answer else 0,
            "sent_bytes": self.sent_bytes,
            "received_bytes": self.received_bytes,
            "connection": "reused" if self.reused else "new",
            "server": self.load.servers[self.server].name if status == "ok" else None,
            "failures": self.failures,
            "tools": len(self.plan.tools),
            "tool_ns": self.tool_ns,
        }


class Load:
    """All requests of one user host, their connections and their log."""

    def __init__(
        self, args: Namespace, loop: EventLoop, log: JsonLines, plan: Iterator[PlannedRequest]
    ) -> None:
        self.args, self.loop, self.log, self.plan = args, loop, log, plan
        self.start_ns, self.stop_ns = window(args)
        self.timeout_ns = round(args.timeout_s * NS_PER_S)
        self.failover_ns = round(args.failover_ms * NS_PER_MS)
        keep = args.connections == "pool"
        self.servers = [Pool(loop, server, keep, args.dscp) for server in args.servers]
        self.tools = [Pool(loop, tool, keep, args.dscp) for tool in args.tools]
        self.sent = self.calls = 0
        self.arrivals_over = False
        self.outstanding: dict[int, _Request] = {}

    def begin(self) -> None:
        """Open the warm connections and schedule the first arrival and the end."""
        for pool in (*self.servers, *self.tools):
            pool.warm(self.args.warm)
        self.schedule_next()
        if self.stop_ns is not None:
            self.loop.at(self.stop_ns, self.end_arrivals)
            self.loop.at(self.stop_ns + round(self.args.drain_s * NS_PER_S), self.loop.stop)

    def schedule_next(self) -> None:
        """Take the next request of the plan; none is due after the stop."""
        planned = next(self.plan, None)
        due_ns = None if planned is None else self.start_ns + planned.due_ns
        if planned is not None and (self.stop_ns is None or (due_ns or 0) < self.stop_ns):
            self.loop.at(self.start_ns + planned.due_ns, lambda: self.arrive(planned))
        elif self.stop_ns is None:
            self.loop.at(now_ns(), self.end_arrivals)

    def arrive(self, planned: PlannedRequest) -> None:
        """Send one request, whatever became of those before."""
        self.schedule_next()
        due_ns = self.start_ns + planned.due_ns
        number = self.sent
        self.sent += 1
        request = self.outstanding[number] = _Request(self, number, due_ns, planned)
        self.loop.at(due_ns + self.timeout_ns, lambda: self.time_out(number))
        request.begin_leg()

    def next_call(self) -> int:
        """A number for one more call, unlike all others."""
        self.calls += 1
        return self.calls

    def time_out(self, number: int) -> None:
        """Give a request up that is still waiting."""
        request = self.outstanding.get(number)
        if request is not None:
            request.give_up("failed", "timeout")

    def finish(self, request: _Request, status: str, reason: str | None) -> None:
        """Log how a request ended."""
        request.over = True
        del self.outstanding[request.number]
        self.log.write(request.record(status, reason))
        if self.arrivals_over and not self.outstanding:
            self.loop.stop()

    def end_arrivals(self) -> None:
        """The time is over; answers may still come for a while."""
        self.arrivals_over = True
        if not self.outstanding:
            self.loop.stop()

    def end(self) -> None:
        """Log what is still outstanding: an unfinished request counts."""
        reason = "ended by a signal" if self.loop.interrupted else "the run ended"
        for request in list(self.outstanding.values()):
            request.give_up("unfinished", reason)
        for pool in (*self.servers, *self.tools):
            pool.close()


def load(args: Namespace, plan: Iterator[PlannedRequest]) -> int:
    """Send the planned requests; each becomes a line of the log. Raises Failure."""
    with JsonLines(args.out) as log, EventLoop() as loop:
        loop.stop_on_signals()
        requests = Load(args, loop, log, plan)
        requests.begin()
        loop.run()
        requests.end()
    return 0
