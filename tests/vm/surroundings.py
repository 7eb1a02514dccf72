"""What a fresh system needs of this machine to reach the package archives from inside.

Proxies, certificates of its own and a package index of its own, if this machine has any.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_CERTIFICATES = Path("/usr/local/share/ca-certificates")
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_APT_PROXY = re.compile(r'^Acquire::https?::Proxy(?:::[\w.-]+)? ".*";$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """environment: for every program; apt: lines of apt's configuration; certificates: files."""

    environment: dict[str, str]
    apt: tuple[str, ...]
    certificates: tuple[Path, ...]

    def enter(self, root: Path) -> None:
        """Put all of it into a root file system that is not running."""
        folder = root / _CERTIFICATES.relative_to("/")
        folder.mkdir(parents=True, exist_ok=True)
        for certificate in self.certificates:
            shutil.copy(certificate, folder)
        subprocess.run(
            ["chroot", str(root), "update-ca-certificates"], check=True, capture_output=True
        )
        lines = "".join(f"{name}={value}\n" for name, value in self.environment.items())
        (root / "etc/environment").write_text(lines, encoding="utf-8")
        if self.apt:
            (root / "etc/apt/apt.conf.d/90surroundings").write_text("\n".join(self.apt) + "\n")


def surroundings() -> Surroundings:
    """This machine's."""
    environment = {name: os.environ[name] for name in _PROXIES if name in os.environ}
    certificates = tuple(sorted(_CERTIFICATES.rglob("*.crt")))
    if certificates:  # pip brings certificates of its own otherwise
        environment["PIP_CERT"] = _BUNDLE
    if index := _pip_index():
        environment["PIP_INDEX_URL"] = index
    apt = _output(["apt-config", "dump"])
    return Surroundings(environment, tuple(_APT_PROXY.findall(apt)), certificates)


def _pip_index() -> str:
    if index := os.environ.get("PIP_INDEX_URL"):
        return index
    return _output(["python3", "-m", "pip", "config", "get", "global.index-url"]).strip()


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
