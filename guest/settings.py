"""What a guest is started with, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from guest.errors import SetupError

Clock = Literal["virtual", "real"]

MINIMUM_MEMORY_MB = 192
# Where the virtual clock of every guest starts: 2023-11-14 22:13:20 UTC, the 1.7 billionth second.
EPOCH_S = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of Python packages that every guest shows at the same place, GUEST_SOURCE.

    packages: those whose bytecode is made before the guest starts. Else the first run, which
        finds none, would be another run than the second.
    """

    folder: Path
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GuestSettings:
    """How to run a command in the guest.

    seed: of all random numbers of a guest in virtual time (0 to 2**64 - 1).
    memory_mb: of the guest; taken from the host only as far as it is used.
    core: the host's core to run on; None takes one that no other guest runs on, if there is one.
    openvswitch: whether Open vSwitch runs before the command starts.
    console: run the command on the caller's terminal (for shells; needs the real clock).
    cwd: the command's folder; None is the caller's.
    source: what the command is a part of. It starts in GUEST_SOURCE then, with GUEST_PYTHON as
        the caller's Python, and in virtual time with none of the caller's variables: so what it
        does depends neither on the folder nor on the caller.
    env: added to the few of the caller's variables that are carried over.
    wall_limit_s: wall time after which the guest is ended; None is no limit.
    virtual_limit_s: the same in the guest's time, from the start of the command.
    stall_limit_s: wall time without output and without any advance of the virtual clock
        after which the guest is ended.
    grace_s: wall time that an interrupted command has for writing what it has got.
    """

    seed: int = 1
    memory_mb: int = 1024
    clock: Clock = "virtual"
    core: int | None = None
    openvswitch: bool = True
    console: bool = False
    cwd: Path | None = None
    source: Source | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    wall_limit_s: float | None = None
    virtual_limit_s: float | None = None
    stall_limit_s: float = 120.0
    grace_s: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**64:
            raise SetupError(f"seed: {self.seed} is not between 0 and 2**64 - 1")
        if self.memory_mb < MINIMUM_MEMORY_MB:
            raise SetupError(
                f"memory_mb: {self.memory_mb} is too little; a guest needs {MINIMUM_MEMORY_MB}"
            )
        if self.clock not in ("virtual", "real"):
            raise SetupError(f"clock: {self.clock!r} is neither 'virtual' nor 'real'")
        if self.console and self.clock != "real":
            raise SetupError("console: a terminal needs the clock 'real'")
        if self.source is not None and self.cwd is not None:
            raise SetupError("cwd: a command with a source starts in the source's folder")
        for name in ("wall_limit_s", "virtual_limit_s", "stall_limit_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise SetupError(f"{name}: {value} is not above 0")
        for name, value in self.env.items():
            if not name or "=" in name or "\0" in name + value:
                raise SetupError(f"env: {name!r} cannot be a variable of the environment")


@dataclass(frozen=True, slots=True)
class GuestResult:
    """What became of the command.

    exit_status: the command's own; 128 + n if signal n ended it.
    wall_s: from the start of the guest to its end, on the host.
    virtual_s: the command's run time on the guest's clock.
    log: the guest kernel's console; None if no out_dir was given to keep it in.
    interrupted: the command was asked to stop before its end, and stopped.
    warnings: what the user should know (a slower mode than usual, ...).
    """

    exit_status: int
    wall_s: float
    virtual_s: float
    log: Path | None
    interrupted: bool = False
    warnings: tuple[str, ...] = ()
