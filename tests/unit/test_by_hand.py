"""Faults by hand: what may be said, what is refused, what is done when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.by_hand import broken as broken_module
from experiments.by_hand.broken import Broken, Refused
from experiments.by_hand.words import Words, as_record, parse_fault
from experiments.faults import KINDS, FaultError, Scene
from experiments.faults.kind import Effect, FaultKind, Occasion
from experiments.shell.completion import candidates, finished
from topologies.load import load_topology
from topologies.plan import make_plan
from topologies.problems import InputError

TOPOLOGY = load_topology("ai-backbone")
PLAN = make_plan(TOPOLOGY)
WORDS = Words(TOPOLOGY)
NS = 1_000_000_000


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("quincy-chicago carrier", {"kind": "span-cut", "visibility": "carrier"}),
        ("northern-rail", {"kind": "conduit-cut", "conduit": "northern-rail"}),
        ("quincy", {"kind": "site-down", "site": "quincy", "visibility": "silent"}),
        ("controller hang", {"kind": "controller-down", "how": "hang"}),
        ("northern-rail for_s=2.5", {"kind": "conduit-cut", "for_s": 2.5}),
        ("span-loss span=quincy-chicago loss=0.1", {"kind": "span-loss", "loss": 0.1}),
        ("control-cut switches=quincy,seattle", {"switches": ["quincy", "seattle"]}),
    ],
)
def test_words_become_a_fault(said: str, fault: dict[str, Any]) -> None:
    record = as_record(WORDS.cut(said.split()))
    assert fault.items() <= record.items()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", "cut SPAN, CONDUIT"),
        ("quinzy", "did you mean 'quincy'?"),
        ("quincy loudly", "must be field=value, or one of silent"),
        ("quincy how=crash", "unknown field 'how'"),
        ("quincy at_s=3", "begins now; say how long it lasts with for_s"),
        ("quincy for_s=-1", "for_s: must be greater than 0"),
        ("span-loss span=quincy-chicago", "give either one_in"),
        ("span-loss span=nowhere loss=2", "unknown span 'nowhere'"),
        ("random-cuts", "say how long the years last"),
        ("quincy-chicago towards=london", "is no end of span"),
    ],
)
def test_what_is_wrong_is_said(said: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        WORDS.cut(said.split())
    assert told in str(caught.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        WORDS.fault(["span-loss", "span=nowhere", "loss=2", "colour=red"])
    assert len(caught.value.problems) == 3


def test_every_target_can_be_cut_and_comes_back_from_its_record() -> None:
    assert {"northern-rail", "quincy", "controller"} <= set(WORDS.targets)
    for target in WORDS.targets:
        fault = WORDS.cut([target])
        assert parse_fault(as_record(fault)) == fault


def test_completion_knows_names_kinds_and_fields() -> None:
    def after(line: str, standing: tuple[str, ...] = ()) -> list[str]:
        return candidates(
            WORDS, ["quincy-gpu1", "quincy"], standing, line, line.rsplit(" ", maxsplit=1)[-1]
        )

    assert "northern-rail" in after("cut nor")
    assert after("cut quincy car") == ["carrier"]
    assert after("fault span-l") == ["span-loss"]
    assert "loss=" in after("fault span-loss lo")
    assert "span=quincy-chicago" in after("fault span-loss span=quincy-c")
    assert after("mend ", ("quincy",)) == ["all", "quincy"]
    assert after("paths quincy-g") == ["quincy-gpu1"]
    assert after("probe quincy quincy-gpu1 ra") == ["rate_pps="]
    assert finished(["cut"]) == ["cut "]
    assert finished(["loss="]) == ["loss="]
    assert finished(["a", "b"]) == ["a", "b"]


class _Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ns = 5 * NS
        monkeypatch.setattr(broken_module, "now_ns", lambda: self.ns)


class _Line:
    """Stands for the kernel: what was done, and whether it refuses."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.refuses = False
        self.had_effect = True

    def act(self, said: str) -> Callable[[Scene], None]:
        def do(_scene: Scene) -> None:
            if self.refuses:
                raise FaultError("tc refused")
            self.done.append(said)

        return do

    def confirm(self, _scene: Scene) -> None:
        if not self.had_effect:
            raise FaultError("it had no effect")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    return _Clock(monkeypatch)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch, clock: _Clock) -> _Line:
    """The kinds do as they would, and only write down what."""
    assert clock.ns
    return _written_down(monkeypatch)


def _written_down(monkeypatch: pytest.MonkeyPatch) -> _Line:
    line = _Line()

    def written(kind: FaultKind[Any]) -> FaultKind[Any]:
        def effects(fault: Any, occasion: Occasion) -> Iterator[Effect]:
            for one in kind.effects(fault, occasion):
                spans = ",".join(one.spans) or ",".join(one.parts)
                begin, end = (line.act(f"{name} {spans}") for name in one.names)
                yield Effect(
                    one.names, one.at_s, one.until_s, one.spans, begin, end, line.confirm, one.parts
                )

        return FaultKind(kind.fields, effects, kind.spans, kind.names, kind.problems)

    monkeypatch.setattr(broken_module, "KINDS", {n: written(k) for n, k in KINDS.items()})
    return line


def _broken() -> Broken:
    return Broken(Scene(PLAN, None, None))  # type: ignore[arg-type]  # acts are written down only


def test_what_is_cut_is_cut_once_and_mended_by_its_name(line: _Line) -> None:
    broken = _broken()
    broken.begin(WORDS.cut(["quincy-chicago"]))
    with pytest.raises(Refused, match="quincy-chicago is broken already, by fault 1"):
        broken.begin(WORDS.cut(["northern-rail"]))
    with pytest.raises(
        Refused, match="'quincy' is not broken by hand; broken by hand: quincy-chicago"
    ):
        broken.mend("quincy")
    mended = broken.mend("quincy-chicago")
    assert [one.name for one in mended] == ["quincy-chicago"]
    assert not broken.take_remarks()
    assert line.done == ["cut quincy-chicago", "mend quincy-chicago"]
    assert [step["step"] for step in broken.steps] == ["cut", "mend"]
    broken.begin(WORDS.cut(["northern-rail"]))


@pytest.mark.usefixtures("line")
def test_a_controller_that_is_down_is_not_taken_down() -> None:
    broken = _broken()
    broken.begin(WORDS.cut(["controller"]))
    with pytest.raises(Refused, match="the controller is broken already"):
        broken.begin(WORDS.cut(["controller", "hang"]))


@pytest.mark.usefixtures("line")
def test_a_site_shares_its_control_channel_with_its_switch() -> None:
    broken = _broken()
    broken.begin(WORDS.cut(["control-cut", "switches=quincy,seattle"]))
    with pytest.raises(Refused, match="the control channel of quincy is broken already"):
        broken.begin(WORDS.cut(["quincy"]))


def test_what_the_scenario_breaks_is_left_to_it(line: _Line) -> None:
    broken = _broken()
    broken.others = frozenset({"quincy-chicago"})
    with pytest.raises(Refused, match="by a fault of the scenario"):
        broken.begin(WORDS.cut(["quincy-chicago"]))
    broken.others = frozenset()
    broken.begin(WORDS.cut(["quincy-chicago"]))
    broken.make_room(frozenset({"quincy-chicago"}))
    assert line.done[-1] == "mend quincy-chicago"


def test_a_fault_without_effect_is_mended_and_told(clock: _Clock, line: _Line) -> None:
    broken = _broken()
    broken.begin(WORDS.cut(["quincy-chicago"]))
    line.had_effect = False
    broken.mend("all")
    assert not broken.standing
    assert broken.take_remarks() == ["quincy-chicago: it had no effect"]
    broken.begin(WORDS.cut(["quincy-chicago", "for_s=1"]))
    clock.ns += NS
    broken.catch_up()
    assert broken.take_remarks() == ["quincy-chicago: it had no effect"]


def test_a_fault_that_the_kernel_refuses_leaves_nothing(line: _Line) -> None:
    broken = _broken()
    line.refuses = True
    with pytest.raises(FaultError):
        broken.begin(WORDS.cut(["quincy-chicago"]))
    assert not broken.standing
    assert not broken.steps


@given(period_ms=st.integers(1, 2000), lasts_ms=st.integers(1, 5000))
def test_a_flap_goes_on_by_itself_and_ends_whole(period_ms: int, lasts_ms: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock, line = _Clock(monkeypatch), _written_down(monkeypatch)
        broken = _broken()
        words = f"span=quincy-chicago period_s={period_ms / 1000} for_s={lasts_ms / 1000}"
        one = broken.begin(WORDS.fault(["span-flap", *words.split()]))
        began_ns = one.began_ns
        while (due_ns := broken.due_ns()) is not None:
            assert due_ns >= clock.ns
            clock.ns = due_ns
            broken.catch_up()
        assert not broken.standing
        assert line.done.count("cut quincy-chicago") == -(-lasts_ms // period_ms)
        assert line.done[-1] == "mend quincy-chicago"
        assert clock.ns <= began_ns + lasts_ms * 1_000_000
