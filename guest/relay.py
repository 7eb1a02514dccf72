"""Carries what the command writes from the shared folder to the caller, byte by byte."""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path
from typing import BinaryIO

_CHUNK_BYTES = 1 << 18
_POLL_S = 0.02
_PUNCH_BYTES = 8 << 20
_FALLOC_KEEP_SIZE_AND_PUNCH_HOLE = 0x03


class Relay:
    """Follows one growing file and writes it to `sink`, giving back the space it took.

    error: what went wrong with the sink (a closed pipe, a full disk), if anything.
    """

    def __init__(self, path: Path, sink: BinaryIO) -> None:
        self._sink = sink
        self._file = open(path, "w+b", buffering=0)  # noqa: SIM115 (closed by the thread)
        self._relayed_bytes = 0
        self._freed_bytes = 0
        self._finish = threading.Event()
        self.error: OSError | None = None
        self._thread = threading.Thread(target=self._follow, name=f"relay {path.name}", daemon=True)
        self._thread.start()

    @property
    def size_bytes(self) -> int:
        """How much the command has written."""
        try:
            return os.fstat(self._file.fileno()).st_size
        except (OSError, ValueError):
            return self._relayed_bytes

    @property
    def backlog_bytes(self) -> int:
        """How much of it the sink has not taken yet."""
        return self.size_bytes - self._relayed_bytes

    def finish(self) -> None:
        """Write what is left, and end. Call when the guest has ended."""
        self._finish.set()
        self._thread.join()

    def _follow(self) -> None:
        with self._file:
            try:
                last_round = False
                while not last_round:
                    last_round = self._finish.wait(_POLL_S)
                    self._copy()
            except OSError as error:
                self.error = error
            except ValueError as error:  # the caller has closed the sink
                self.error = OSError(str(error))

    def _copy(self) -> None:
        before = self._relayed_bytes
        while chunk := os.pread(self._file.fileno(), _CHUNK_BYTES, self._relayed_bytes):
            self._sink.write(chunk)
            self._relayed_bytes += len(chunk)
            if self._relayed_bytes - self._freed_bytes >= _PUNCH_BYTES:
                self._free()
        if self._relayed_bytes > before:
            self._sink.flush()

    def _free(self) -> None:
        # Where the filesystem cannot, the space is given back at the end.
        offset, length = self._freed_bytes, self._relayed_bytes - self._freed_bytes
        ctypes.CDLL(None).fallocate(
            self._file.fileno(),
            _FALLOC_KEEP_SIZE_AND_PUNCH_HOLE,
            ctypes.c_long(offset),
            ctypes.c_long(length),
        )
        self._freed_bytes = self._relayed_bytes
