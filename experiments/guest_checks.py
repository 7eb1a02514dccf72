"""The doctor's look at what the guest needs: its kernel, seccomp, a place for its memory."""

from __future__ import annotations

import ctypes
import os

from experiments.diagnosis import VIRTUAL, Check
from experiments.host_checks import install_line
from guest.compilation import check_tools
from guest.errors import SetupError
from guest.host import memory_folder
from guest.kernel import find_kernel
from guest.settings import GuestSettings

_SYS_SECCOMP = 317  # on x86-64
_SECCOMP_GET_ACTION_AVAIL = 2
_SECCOMP_RET_TRAP = 0x00030000


def guest_checks() -> list[Check]:
    """What the clock `virtual` needs beside the network's programs."""
    return [_kernel(), _seccomp(), _memory_folder()]


def _kernel() -> Check:
    kernel = find_kernel()
    if kernel is not None:
        ok, found = True, f"Linux {kernel.release}"
    else:
        ok, found = _can_build()
    return Check(
        "guest",
        "guest kernel",
        ok,
        found,
        "virtual time runs in it; it is built once per user",
        install_line(),
        (VIRTUAL,),
    )


def _can_build() -> tuple[bool, str]:
    try:
        check_tools()
    except SetupError as error:
        return False, str(error)
    return True, "not built yet; the first run builds it (about 8 minutes on two cores)"


def _seccomp() -> Check:
    action = ctypes.c_uint32(_SECCOMP_RET_TRAP)
    libc = ctypes.CDLL(None, use_errno=True)
    refused = libc.syscall(_SYS_SECCOMP, _SECCOMP_GET_ACTION_AVAIL, 0, ctypes.byref(action))
    return Check(
        "guest",
        "seccomp",
        refused == 0,
        "available" if refused == 0 else os.strerror(ctypes.get_errno()),
        "the guest's system calls go through it",
        "use a kernel with CONFIG_SECCOMP_FILTER, or a container profile that allows seccomp()",
        (VIRTUAL,),
    )


def _memory_folder() -> Check:
    try:
        ok, found = True, str(memory_folder(GuestSettings().memory_mb))
    except SetupError as error:
        ok, found = False, str(error)
    return Check(
        "guest",
        "memory folder",
        ok,
        found,
        "the guest's memory is a file that programs are run from",
        "sudo mount -o remount,exec,size=4g /dev/shm, or set TMPDIR to such a folder",
        (VIRTUAL,),
    )
