"""The guest's kernel, built once per user and kept in the user's cache.

A build is known by the source's checksum, kernel.config, the patches and the compiler. An
index beside the builds remembers which of them answers which request, so that a cached
kernel is found without network, without a compiler, at once.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from guest import compilation
from guest.errors import SetupError
from guest.progress import Reporter
from guest.source import KernelSource, fetch_source, source_from_path

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "kernel.config"
PATCHES = HERE / "patches"


@dataclass(frozen=True, slots=True)
class GuestKernel:
    """A kernel that is ready to boot.

    clock_address: where in its memory the virtual clock lies (unsigned 64 bits, ns since boot).
    build_s: wall time of the build.
    """

    path: Path
    release: str
    source: str
    compiler: str
    clock_address: int
    build_s: float
    key: str


def cache_folder() -> Path:
    """The user's cache of Fibercut: $XDG_CACHE_HOME/fibercut or ~/.cache/fibercut."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "fibercut"


def find_kernel(source: Path | None = None, *, cache: Path | None = None) -> GuestKernel | None:
    """The cached kernel for this request, or None. source: the user's tarball, if any."""
    kernels = (cache or cache_folder()) / "kernels"
    try:
        key = _index_entry(kernels, source).read_text(encoding="utf-8").strip()
        facts = json.loads((kernels / key / "kernel.json").read_text(encoding="utf-8"))
        kernel = GuestKernel(path=kernels / key / "linux", key=key, **facts)
    except (OSError, ValueError, TypeError):
        return None
    return kernel if kernel.path.is_file() else None


def provide_kernel(
    source: Path | None = None,
    *,
    cache: Path | None = None,
    reporter: Reporter | None = None,
) -> GuestKernel:
    """The kernel for this request: from the cache, else fetched and built (minutes).

    Raises SetupError with what is missing and how to mend it.
    """
    found = find_kernel(source, cache=cache)
    if found is not None:
        return found
    reporter = reporter or Reporter()
    folder = cache or cache_folder()
    kernels = folder / "kernels"
    try:
        kernels.mkdir(parents=True, exist_ok=True)
        with _only_builder(kernels / "lock", reporter) as lock_fd:
            found = find_kernel(source, cache=cache)
            return found or _build(source, folder, lock_fd, reporter)
    except OSError as error:
        raise SetupError(f"The kernel could not be built in {kernels}: {error}") from error


def build_key(source_checksum: str, compiler: str) -> str:
    """The name of a build: everything that goes into it, as 16 hexadecimal digits."""
    return _digest(source_checksum, compiler, _recipe())


def _build(source: Path | None, cache: Path, lock_fd: int, reporter: Reporter) -> GuestKernel:
    kernels, sources = cache / "kernels", cache / "sources"
    origin = None if source is None else source_from_path(source)
    compilation.check_tools()
    compilation.check_space(kernels)
    if origin is None:
        sources.mkdir(parents=True, exist_ok=True)
        origin = fetch_source(sources, reporter)
    compiler = compilation.compiler_version()
    key = build_key(_checksum(origin.tarball), compiler)
    if not (kernels / key / "kernel.json").is_file():
        _build_into(kernels / key, origin, compiler, lock_fd, reporter)
    _remember(_index_entry(kernels, source), key)
    if not _index_entry(kernels, None).exists():
        # Whoever had to name a source once need not name it at every start.
        _remember(_index_entry(kernels, None), key)
    if source is None:
        shutil.rmtree(sources)
    found = find_kernel(source, cache=cache)
    assert found is not None  # it has just been written
    reporter.say(f"The guest kernel is ready: Linux {found.release}, {found.path}")
    return found


def _build_into(
    folder: Path, origin: KernelSource, compiler: str, lock_fd: int, reporter: Reporter
) -> None:
    work = folder.with_name(folder.name + ".building")
    build = functools.partial(
        compilation.compile_kernel,
        origin.tarball,
        CONFIG,
        _patches(),
        work,
        lock_fd=lock_fd,
        reporter=reporter,
    )
    work.mkdir(exist_ok=True)
    # An interrupted build is gone on with, unless the interruption left a half-written object.
    try:
        result = build()
    except compilation.StaleBuild:
        shutil.rmtree(work)
        work.mkdir()
        result = build()
    facts = {"source": origin.label, "compiler": compiler, **asdict(result)}
    product = work / "product"
    (product / "kernel.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    product.rename(folder)
    shutil.rmtree(work)


@contextmanager
def _only_builder(path: Path, reporter: Reporter) -> Iterator[int]:
    with open(path, "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reporter.say("Another process builds the kernel; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _index_entry(kernels: Path, source: Path | None) -> Path:
    request = "distribution"
    if source is not None:
        try:
            status = source.stat()
        except OSError:
            return kernels / "index" / "unreadable"
        request = f"{source.resolve()} {status.st_size} {status.st_mtime_ns}"
    return kernels / "index" / _digest(request, _recipe())


def _remember(entry: Path, key: str) -> None:
    entry.parent.mkdir(exist_ok=True)
    partial = entry.with_suffix(".partial")
    partial.write_text(key + "\n", encoding="utf-8")
    partial.rename(entry)


def _patches() -> list[Path]:
    return sorted(PATCHES.glob("*.patch"))


def _recipe() -> str:
    return _digest(*(_checksum(path) for path in (CONFIG, *_patches())))


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
