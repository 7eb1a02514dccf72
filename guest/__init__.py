"""The machine that Fibercut runs in: a small guest kernel started as an ordinary process."""

from guest.errors import GuestError, SetupError
from guest.kernel import GuestKernel, cache_folder, find_kernel, provide_kernel
from guest.machine import Guest
from guest.progress import Reporter
from guest.running import run
from guest.settings import GuestResult, GuestSettings, Source
from guest.share import GUEST_OUT, GUEST_PYTHON, GUEST_SOURCE

__all__ = [
    "GUEST_OUT",
    "GUEST_PYTHON",
    "GUEST_SOURCE",
    "Guest",
    "GuestError",
    "GuestKernel",
    "GuestResult",
    "GuestSettings",
    "Reporter",
    "SetupError",
    "Source",
    "cache_folder",
    "find_kernel",
    "provide_kernel",
    "run",
]
