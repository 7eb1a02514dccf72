"""Which requests are sent and when: arrivals, lengths, traces and the list made of them."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from traffic.arrivals import arrivals_ns, gaps_s
from traffic.file_problems import BadFile
from traffic.request_plan import (
    Agents,
    PlannedRequest,
    check_plan,
    drawn,
    drawn_lengths,
    read_plan,
    replayed,
    traced_lengths,
    write_plan,
)
from traffic.request_trace import parse_trace, read_trace
from traffic.tokens import TokenCount

NOBODY = Agents(0, (1, 1), 0, 0)
AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens"
BURSTGPT = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_exponential_gaps_pass_a_kolmogorov_smirnov_test(seed: int) -> None:
    times = itertools.islice(arrivals_ns(50.0, 1.0, seed), 20_000)
    gaps = np.diff(np.fromiter(times, dtype=float), prepend=0.0) / 1e9
    assert stats.kstest(gaps, stats.expon(scale=1 / 50.0).cdf).pvalue > 0.001


@pytest.mark.parametrize("cv", [0.25, 0.5, 2.0, 4.0])
def test_gamma_gaps_pass_a_kolmogorov_smirnov_test(cv: float) -> None:
    gaps = np.fromiter(itertools.islice(gaps_s(20.0, cv, seed=5), 20_000), dtype=float)
    expected = stats.gamma(a=1 / cv**2, scale=cv**2 / 20.0)
    assert stats.kstest(gaps, expected.cdf).pvalue > 0.001
    assert stats.kstest(gaps, stats.expon(scale=1 / 20.0).cdf).pvalue < 1e-6
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.1)


def test_a_fixed_pace_has_equal_gaps() -> None:
    assert list(itertools.islice(arrivals_ns(4.0, 0.0, 1), 3)) == [250e6, 500e6, 750e6]


def test_a_seed_draws_the_same_requests_and_another_seed_others() -> None:
    def made(seed: int) -> list[PlannedRequest]:
        lengths = drawn_lengths(TokenCount(500, 0.8), TokenCount(60, 0.5), seed)
        return list(drawn(100.0, 2.0, lengths, Agents(0.5, (1, 3), 2, seed), seed, 10**9))

    assert made(1) == made(1) != made(2)


def synthetic(path: Path, rows: int = 4000) -> Path:
    """A trace of Azure's form with bursts and long tails."""
    source, at_us = random.Random(7), 68_400_000_000
    with path.open("w") as file:
        print(AZURE, file=file)
        for _ in range(rows):
            at_us += round(source.gammavariate(0.3, 0.4 / 0.3) * 1e6)
            seconds, rest = divmod(at_us, 1_000_000)
            clock = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:06}0"
            prompt = round(source.lognormvariate(7, 0.9)) + 1
            print(f"2023-11-16 {clock},{prompt},{source.randint(1, 700)}", file=file)
    return path


@pytest.mark.parametrize("speed_up", [1.0, 7.5])
def test_a_replayed_trace_has_its_own_cv_and_token_percentiles(
    tmp_path: Path, speed_up: float
) -> None:
    path = synthetic(tmp_path / "trace.csv")
    # Read without our reader: numpy's own dates.
    columns = np.genfromtxt(path, delimiter=",", skip_header=1, dtype=str)
    times_s = columns[:, 0].astype("datetime64[ns]").astype(np.int64) / 1e9
    requests = list(replayed(read_trace(str(path)), NOBODY, None, speed_up=speed_up))
    assert len(requests) == len(columns)
    due_s = np.array([request.due_ns for request in requests]) / 1e9
    np.testing.assert_allclose(due_s * speed_up, times_s - times_s[0], atol=1e-6)
    assert cv(due_s) == pytest.approx(cv(times_s), rel=1e-6)
    for percent in (50, 90, 99):
        ours = np.percentile([request.prompt_tokens for request in requests], percent)
        assert ours == np.percentile(columns[:, 1].astype(int), percent)
        ours = np.percentile([request.answer_tokens for request in requests], percent)
        assert ours == np.percentile(columns[:, 2].astype(int), percent)


def cv(times_s: np.ndarray) -> float:
    gaps = np.diff(times_s)
    return float(gaps.std() / gaps.mean())


def test_the_users_of_a_workload_share_a_trace_out(tmp_path: Path) -> None:
    trace = read_trace(str(synthetic(tmp_path / "trace.csv", 100)))
    whole = list(replayed(trace, NOBODY, 10**10, speed_up=2.0, skip_s=5.0))
    parts = [
        list(replayed(trace, NOBODY, 10**10, speed_up=2.0, skip_s=5.0, share=(k, 3)))
        for k in range(3)
    ]
    assert 0 < len(whole) < 100
    assert sorted(itertools.chain(*parts), key=lambda r: r.due_ns) == whole
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert whole[0].due_ns >= 0


def test_lengths_of_a_trace_are_drawn_in_pairs() -> None:
    trace = parse_trace("t", [BURSTGPT, "0,m,10,1,11,x", "1,m,20,2,22,x", "2,m,30,3,33,x"])
    draw = traced_lengths(trace, 1)
    assert {draw() for _ in range(200)} == {(10, 1), (20, 2), (30, 3)}


def test_burstgpt_rows_without_an_answer_are_left_out_and_counted() -> None:
    trace = parse_trace("t", [BURSTGPT, "5,ChatGPT,472,18,490,C", "45.5,GPT-4,300,0,300,API log",
                              "118,GPT-4,417,276,693,C"])  # fmt: skip
    assert list(trace.at_ns) == [0, 113 * 10**9]
    assert trace.skipped == 1


def test_columns_are_found_by_name_in_any_order() -> None:
    lines = ["Session ID,Response tokens,Timestamp,Elapsed time,Request tokens", "a,7,3,1,50"]
    trace = parse_trace("t", lines)
    assert (list(trace.prompt_tokens), list(trace.answer_tokens)) == ([50], [7])


def test_azure_times_are_read_to_100_ns_and_with_a_zone() -> None:
    rows = ["2023-11-16 18:15:46.6805900,1,1", "2023-11-16 19:15:46.6805901+01:00,1,1",
            "2023-11-16 18:15:47,1,1"]  # fmt: skip
    assert list(parse_trace("t", [AZURE, *rows]).at_ns) == [0, 100, 319_410_000]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "t:1: the file is empty; the first line names the columns"),
        ([AZURE], "t:1: there is no request in this file"),
        (["TIMESTAMP,ContextTokens,Answers", "x"], "t:1: no column GeneratedTokens (found: TIME"),
        (["a;b;c"], "no column TIMESTAMP and no column ContextTokens and no column Gen"),
        ([AZURE, "2023-11-16 18:15:46.5,9"], "t:2: has not as many columns as the header"),
        ([AZURE, "1700158546680,9,9"], "t:2: TIMESTAMP '1700158546680' is no date and time such"),
        ([AZURE, "2023-11-16 18:15:46.,9,9"], "is no date and time such as 2023-11-16 18:15:46."),
        ([AZURE, "2023-13-16 18:15:46,9,9"], "t:2: TIMESTAMP '2023-13-16 18:15:46' is no date"),
        ([AZURE, "2023-11-16 18:15:46,nine,9"], "t:2: ContextTokens 'nine' is no whole number fr"),
        ([AZURE, "2023-11-16 18:15:46,9,0"], "t:2: GeneratedTokens '0' is no whole number from 1"),
        ([AZURE, "2023-11-16 18:15:46,9,1.5"], "GeneratedTokens '1.5' is no whole number"),
        ([AZURE, "2023-11-16 18:15:46,-3,9"], "ContextTokens '-3' is no whole number from 1 to"),
        ([AZURE, "2023-11-16 18:15:46,1e9,9"], "ContextTokens '1e9' is no whole number from 1 to"),
        ([AZURE, "2023-11-16 18:15:46,nan,9"], "ContextTokens 'nan' is no whole number"),
        (
            [AZURE, "2023-11-16 18:15:46,9,9", "2023-11-16 18:15:45,9,9"],
            "t:3: TIMESTAMP '2023-11-16 18:15:45' is earlier than the one before it; sort the file",
        ),
        ([BURSTGPT, "-1,m,9,9,18,x"], "t:2: Timestamp '-1' is no time in seconds since the"),
        ([BURSTGPT, "nan,m,9,9,18,x"], "t:2: Timestamp 'nan' is no time in seconds"),
        ([BURSTGPT, "1700158546680,m,9,9,18,x"], "is no time in seconds since the trace's beginn"),
        ([BURSTGPT, "2023-11-16 18:15:46,m,9,9,18,x"], "is no time in seconds since"),
        ([BURSTGPT, "5,m,9,0,9,x"], "t:2: there is no request in this file"),
    ],
)  # fmt: skip
def test_bad_traces_are_told_with_their_line(lines: list[str], told: str) -> None:
    with pytest.raises(BadFile) as caught:
        parse_trace("t", lines)
    assert told in str(caught.value)


def test_all_problems_of_a_trace_are_told_at_once_and_many_are_counted() -> None:
    rows = [f"2023-11-16 18:15:{second:02},0,x" for second in range(30)]
    with pytest.raises(BadFile) as caught:
        parse_trace("t", [AZURE, *rows])
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("t:2: ContextTokens '0'")
    assert lines[1].startswith("t:2: GeneratedTokens 'x'")
    assert lines[-1] == "t: and 40 more problems like these"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00T", b"TIMESTAMP\x00,ContextTokens\n1,2\n"])
def test_a_file_that_is_no_text_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trace.csv"
    path.write_bytes(content)
    with pytest.raises(BadFile):
        read_trace(str(path))


@given(
    lines=st.lists(
        st.lists(
            st.one_of(st.text(max_size=12), st.integers().map(str), st.floats().map(str)),
            min_size=3, max_size=3,
        ).map(",".join),
        max_size=6,
    )
)  # fmt: skip
def test_any_rows_are_a_trace_or_a_told_problem(lines: list[str]) -> None:
    try:
        trace = parse_trace("t", [BURSTGPT.replace("Model,", ""), *lines])
    except BadFile:
        return
    assert list(trace.at_ns) == sorted(trace.at_ns)
    assert trace.at_ns[0] == 0


requests = st.builds(
    PlannedRequest,
    st.integers(0, 2**60),
    st.integers(1, 1_000_000),
    st.integers(1, 1_000_000),
    st.lists(st.integers(0, 3), max_size=5).map(tuple),
)


@given(st.lists(requests, min_size=1).map(lambda plan: sorted(plan, key=lambda r: r.due_ns)))
def test_a_list_is_read_as_it_was_written(plan: list[PlannedRequest]) -> None:
    path = Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / "fibercut-test-plan.csv"
    try:
        assert write_plan(str(path), plan) == len(plan)
        check_plan(str(path), tools=4)
        assert list(read_plan(str(path))) == plan
    finally:
        path.unlink()


def test_every_bad_line_of_a_list_is_told(tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_text(
        "due_ns,prompt_tokens,answer_tokens,tools\n"
        "5,1,1,\n4,1,1,\n6,0,1,\n-1,1,1,\n7,1,1\n8,1,1,2\n9,1,1,x\n"
    )
    with pytest.raises(BadFile) as caught:
        check_plan(str(path), tools=2)
    assert [line for line, _ in caught.value.problems] == [3, 4, 5, 6, 7, 8]
    path.write_text("")
    with pytest.raises(BadFile, match="is not the header due_ns"):
        check_plan(str(path), tools=2)
