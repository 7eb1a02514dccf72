"""The prompt: Mininet's, with verbs for cutting, mending and probing."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from controller.ask import QUESTIONS
from experiments.by_hand.bench import Bench
from experiments.by_hand.broken import Refused
from experiments.by_hand.words import as_record
from experiments.faults import FaultError
from experiments.shell.completion import candidates, finished
from experiments.shell.lines import ScriptLines
from topologies.build import CONTROLLER_NODE, NetworkCLI
from topologies.problems import InputError

_HISTORY_LINES = 1000
_PROBE_OPTIONS = {"seconds": 1.0, "rate_pps": 1000.0}
_MOST_PPS = 20_000


def _told(verb: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    """A verb whose refusals are told; the session goes on."""

    def done(self: Any, line: str) -> None:
        try:
            verb(self, line)
        except (InputError, Refused, FaultError, ValueError) as error:
            self.say(f"*** {error}")

    done.__doc__ = verb.__doc__
    return done


class Verbs(NetworkCLI):
    """Mininet's prompt with our verbs. Subclasses say where its lines come from."""

    prompt = "fibercut> "
    readlineInited = True  # noqa: N815 - Mininet's; its history file is not ours

    def __init__(self, bench: Bench, **how: Any) -> None:
        self._bench = bench
        super().__init__(bench.net, **how)

    def say(self, text: str) -> None:
        """Print to the person."""
        self.stdout.write(f"{text}\n")
        self.stdout.flush()

    def onecmd(self, line: str) -> bool:
        """Do one command; True ends the session."""
        node, question, *ends = [*line.split(), "", ""]
        if node == CONTROLLER_NODE and question in (*QUESTIONS, "--help"):
            self._ask_controller([question, *filter(None, ends)])
            over = False
        else:
            over = super().onecmd(line)
        for remark in self._bench.remarks:
            self.say(f"*** {remark}")
        self._bench.remarks.clear()
        return over

    @_told
    def do_cut(self, line: str) -> None:
        """Cut a span, a conduit, a site, a switch or the controller.

        cut NAME [silent|carrier|crash|hang] [FIELD=VALUE ...] [for_s=SECONDS]
        silent (the default): nobody is told; carrier: the ends lose their light.
        towards=SITE: only one direction of a span. The controller takes crash or hang.
        """
        self._begun(self._bench.words.cut(shlex.split(line)))

    @_told
    def do_fault(self, line: str) -> None:
        """Begin a fault of any kind, with its fields as in a scenario (docs/reference/faults.md).

        fault KIND [FIELD=VALUE ...] [for_s=SECONDS]
        fault span-loss span=a-b loss=0.01
        fault span-flap span=a-b period_s=2 for_s=20
        """
        self._begun(self._bench.words.fault(shlex.split(line)))

    @_told
    def do_mend(self, line: str) -> None:
        """Mend what was broken by hand.

        mend NAME | NUMBER | all
        """
        name = line.strip()
        if not name:
            raise Refused(f"what? broken by hand: {self._broken()}")
        for remark in self._bench.mend(name):
            self.say(f"*** {remark}")
        self.say(f"{self._bench.now_s:.6f} s: {name} mended; broken: {self._broken()}")

    @_told
    def do_paths(self, line: str) -> None:
        """Tell where the switches' rules take a packet now, hop by hop.

        paths FROM TO
        """
        ends = line.split()
        if len(ends) != 2:
            raise Refused("usage: paths FROM TO (hosts, or switches that have hosts)")
        self._ask_controller(["paths", *ends])

    @_told
    def do_probe(self, line: str) -> None:
        """Send numbered packets, and tell what was lost and how late the rest came.

        probe FROM TO [seconds=1] [rate_pps=1000] [&]
        FROM and TO are hosts, or sites. With & it goes on in the background; `probe` alone
        tells of all probes so far, `probe stop` ends them.
        """
        words = line.replace("&", " & ").split()
        if words in ([], ["stop"]):
            self._tell_probes(stop=bool(words))
            return
        options = {k: v for k, eq, v in (w.partition("=") for w in words) if eq}
        ends = [word for word in words if "=" not in word and word != "&"]
        if len(ends) != 2 or not options.keys() <= _PROBE_OPTIONS.keys():
            raise Refused("usage: probe FROM TO [seconds=1] [rate_pps=1000] [&]")
        seconds, rate_pps = (float(options.get(k, v)) for k, v in _PROBE_OPTIONS.items())
        if not (seconds > 0 and 1 <= rate_pps <= _MOST_PPS):
            raise Refused(f"seconds must be above 0, rate_pps from 1 to {_MOST_PPS}")
        if "&" in words:
            self._bench.start_probe(ends[0], ends[1], int(rate_pps))
            self.say("probing; `probe` tells of it, `probe stop` ends it")
        else:
            self._tell(self._bench.probe(ends[0], ends[1], seconds, int(rate_pps)))

    @_told
    def do_sleep(self, line: str) -> None:
        """Let time pass. In virtual time it stands still at the prompt.

        sleep SECONDS
        """
        seconds = float(line or 1)
        if not 0 <= seconds <= 86_400:
            raise Refused("sleep takes 0 to 86,400 seconds")
        time.sleep(seconds)
        self.say(f"{self._bench.now_s:.6f} s")

    def do_status(self, _line: str) -> None:
        """Tell the time, what is broken, and the probes that run."""
        bench = self._bench
        self.say(f"{bench.now_s:.6f} s since the network was ready, policy {bench.policy}")
        for one in bench.standing:
            fields = as_record(one.fault)
            told = ", ".join(f"{name} {value}" for name, value in fields.items())
            self.say(f"  broken {one.number}: {one.name} ({told})")
        if not bench.standing:
            self.say("  nothing is broken by hand")
        running = [probe for probe in bench.probes if probe.running]
        for probe in running:
            self.say(f"  probing {probe.from_host} → {probe.to_host}, {probe.rate_pps}/s")

    def completenames(self, text: str, *ignored: Any) -> list[str]:
        """Verbs and nodes that begin so."""
        nodes = [name for name in self.mn if name.startswith(text)]
        return [*super().completenames(text, *ignored), *nodes]

    def completedefault(self, text: str, line: str, *_ignored: Any) -> list[str]:
        """What may follow in a line that begins so."""
        bench = self._bench
        standing = [one.name for one in bench.standing]
        return candidates(bench.words, list(self.mn), standing, line, text)

    def _begun(self, fault: Any) -> None:
        one = self._bench.begin(fault)
        until = f" for {fault.repair_at_s:g} s" if fault.repair_at_s is not None else ""
        what = f"{one.name}: {fault.kind}{until}"
        self.say(f"{self._bench.seconds(one.began_ns):.6f} s: {what} (mend {one.name})")

    def _broken(self) -> str:
        return ", ".join(one.name for one in self._bench.standing) or "nothing"

    def _tell_probes(self, *, stop: bool) -> None:
        if not self._bench.probes:
            self.say("no probe yet: probe FROM TO")
        for probe in self._bench.probes:
            self._tell(probe.stop() if stop else probe.report())

    def _tell(self, report: Any) -> None:
        self.say(str(report))
        for outage in report.outages:
            lasted = "not over" if outage.tbm_ms is None else f"{outage.tbm_ms:.3f} ms (TBM)"
            at_s = self._bench.seconds(outage.at_ns)
            self.say(f"  outage at {at_s:.6f} s: {outage.missing:,} packets, {lasted}")

    def _ask_controller(self, words: Iterable[str]) -> None:
        # Mininet would put addresses in the place of names.
        command = [sys.executable, "-m", "experiments.cli", "controller", *words]
        self.stdout.flush()
        output = {"stdin": subprocess.DEVNULL, "stdout": sys.stdout, "stderr": sys.stderr}
        self.mn[CONTROLLER_NODE].popen(command, **output).wait()


class SessionPrompt(Verbs):
    """On a terminal of the guest's own, with history and completion."""

    def __init__(self, bench: Bench, history: Path) -> None:
        import readline  # noqa: PLC0415 - it would take over a terminal that nobody types at

        readline.set_completer_delims(" \t\n")
        with contextlib.suppress(OSError):
            readline.read_history_file(history)
        readline.set_history_length(_HISTORY_LINES)
        try:
            super().__init__(bench)
        finally:
            readline.write_history_file(history)

    def complete(self, text: str, state: int) -> str | None:
        """As of cmd.Cmd, with a space after the only candidate."""
        found: str | None = super().complete(text, state)
        if state == 0 and found is not None:
            matches: list[str] = self.completion_matches  # type: ignore[has-type]
            self.completion_matches = finished(matches)
            found = self.completion_matches[0]
        return found


class ScriptPrompt(Verbs):
    """With lines from elsewhere; echo: repeat each line after the prompt."""

    use_rawinput = False

    def __init__(self, bench: Bench, lines: ScriptLines, *, echo: bool) -> None:
        self._echo = echo
        if not echo:
            self.prompt = ""
        super().__init__(bench, stdin=lines)

    def precmd(self, line: str) -> str:
        """The line without its comment; told, if it is to be."""
        if self._echo:
            self.say("" if line == "EOF" else line)
        return str(super().precmd(line))

    def postcmd(self, stop: bool, line: str) -> bool:
        """Pass on what was said before the next line is asked for."""
        self.stdout.flush()
        return bool(super().postcmd(stop, line))
