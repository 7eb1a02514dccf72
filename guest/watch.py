"""When a guest is to be given up. Pure: times come in, reasons go out."""

from __future__ import annotations

from dataclasses import dataclass

from guest.settings import GuestSettings


@dataclass(frozen=True, slots=True)
class Sight:
    """What the host sees of a guest at one moment.

    wall_s: since the start. clock_ns: the guest's clock, None while it cannot be read.
    output_bytes: written by the command. virtual_s: the command's run time on its clock.
    """

    wall_s: float
    clock_ns: int | None
    output_bytes: int
    virtual_s: float
    held: bool = False


class Watch:
    """Remembers when a guest last made progress."""

    def __init__(self, settings: GuestSettings) -> None:
        self._settings = settings
        self._seen: tuple[int | None, int] = (None, 0)
        self._progress_at_s = 0.0

    def objection(self, sight: Sight) -> str | None:
        """Why the guest must be ended now, or None. Call in the order of time."""
        settings = self._settings
        if settings.wall_limit_s is not None and sight.wall_s > settings.wall_limit_s:
            return f"the guest was not done after {settings.wall_limit_s:g} s (wall_limit_s)"
        if settings.virtual_limit_s is not None and sight.virtual_s > settings.virtual_limit_s:
            return (
                f"the command was not done after {settings.virtual_limit_s:g} s of its own"
                " clock (virtual_limit_s)"
            )
        now = (sight.clock_ns, sight.output_bytes)
        if settings.clock == "real" or sight.held or now != self._seen:
            self._seen = now
            self._progress_at_s = sight.wall_s
        if sight.wall_s - self._progress_at_s > settings.stall_limit_s:
            return (
                f"the virtual clock stood still for {settings.stall_limit_s:g} s: something in"
                " the guest computes or spins without ever waiting (raise stall_limit_s if it"
                " is meant to)"
            )
        return None
