"""Runs tasks through Dask's distributed scheduler: on this machine's cores, or on a cluster."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any

import dask
from distributed import Client, LocalCluster, as_completed

from experiments.failure import FailedRunError
from experiments.host_checks import available_memory_mb
from experiments.study.tasks import Task
from experiments.study.worker import Done, run_task
from topologies.problems import InputError, Problem

_CONNECT_S = 10
_WORKERS_S = 120
# Enough for an adaptive cluster to see that there is work; few enough to hold in memory.
_AT_ONCE = 1000
# A worker may be lost this often under one trial before the trial is to blame.
_LOST_WORKERS = 10
_GUEST_MEMORY_MB = 1300
# What a worker of this machine does first. Ctrl-C at the terminal is the study's to handle.
_PRELOAD = """
import signal
def dask_setup(worker):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
"""


def run_tasks(
    tasks: Sequence[Task],
    scheduler: str | None,
    workers: int | None,
    keep_samples: bool,
    on_done: Callable[[Task, Done], None],
) -> dict[str, str]:
    """Run every task and hand over each result as it comes, in this thread.

    scheduler: a Dask scheduler's address, None for workers on this machine (`workers` of them,
        by default one a core, as far as memory goes).
    Returns why tasks could not be run at all, by identity. Raises InputError if the scheduler
    cannot be reached. KeyboardInterrupt gives up what is under way.
    """
    with _client(scheduler, workers, len(tasks)) as client:
        return _run(client, tasks, keep_samples, on_done)


def _run(
    client: Client,
    tasks: Sequence[Task],
    keep_samples: bool,
    on_done: Callable[[Task, Done], None],
) -> dict[str, str]:
    waiting = iter(tasks)
    under_way: dict[str, tuple[Task, Any]] = {}
    failures: dict[str, str] = {}

    def submitted(number: int) -> Iterator[Any]:
        for task in islice(waiting, number):
            key = f"fibercut-{task.identity}"
            future = client.submit(run_task, task, keep_samples, key=key, pure=False)
            under_way[key] = (task, future)
            yield future

    try:
        results = as_completed(list(submitted(_AT_ONCE)))
        for future in results:
            task, _ = under_way.pop(future.key)
            if future.status == "finished":
                on_done(task, future.result())
            else:
                failures[task.identity] = _why(future)
            for more in submitted(1):
                results.add(more)
    finally:
        client.cancel([future for _, future in under_way.values()], force=True)
    return failures


def _why(future: Any) -> str:
    error = future.exception() if future.status == "error" else None
    return f"{type(error).__name__}: {error}" if error else "the scheduler gave it up"


@contextmanager
def _client(scheduler: str | None, workers: int | None, tasks: int) -> Iterator[Client]:
    settings = {
        "distributed.scheduler.allowed-failures": _LOST_WORKERS,
    }
    with _ctrl_c_later(), ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        if scheduler is None:
            cluster = stack.enter_context(_local_cluster(min(workers or _cores(), tasks)))
            client = stack.enter_context(Client(cluster))
        else:
            client = stack.enter_context(_connected(scheduler))
        with _ctrl_c_now():
            yield client


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """A Ctrl-C while a cluster starts or ends counts only afterwards: it leaves nothing behind."""
    asked = threading.Event()
    before = signal.signal(signal.SIGINT, lambda _signum, _frame: asked.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if asked.is_set():
        raise KeyboardInterrupt


@contextmanager
def _ctrl_c_now() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _local_cluster(workers: int) -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        memory_limit=None,
        dashboard_address=None,
        host="127.0.0.1",
        silence_logs="CRITICAL",
        preload=_PRELOAD,
    ) as cluster:
        yield cluster


def _connected(scheduler: str) -> Client:
    try:
        client = Client(scheduler, timeout=_CONNECT_S)
    except (OSError, ValueError, TimeoutError) as error:
        reason = str(error).partition("\n")[0]
        message = (
            f"this scheduler cannot be reached: {reason}; start one (dask scheduler) and give its"
            " address such as tcp://host:8786, or leave out --scheduler for this machine's cores"
        )
        raise InputError([Problem(f"--scheduler {scheduler}", message)]) from None
    try:
        client.wait_for_workers(1, timeout=_WORKERS_S)
    except TimeoutError:
        client.close()
        raise FailedRunError(
            f"the scheduler {scheduler} had no worker for {_WORKERS_S} s; start some (dask worker"
            f" {scheduler} --nthreads 1) and give the same command again"
        ) from None
    return client


def _cores() -> int:
    """How many guests fit side by side: a core and memory for each."""
    return max(1, min(len(os.sched_getaffinity(0)), available_memory_mb() // _GUEST_MEMORY_MB))
