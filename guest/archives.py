"""The package archives that this system trusts, as its own apt sources name them.

Both formats of sources.list(5) are read: deb822 (`*.sources`) and one line (`*.list`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

# A mirror of Debian for a system that has none of its own.
MIRROR_VARIABLE = "FIBERCUT_DEBIAN_MIRROR"
DEBIAN_KEYRINGS = tuple(
    Path(f"/usr/share/keyrings/debian-archive-keyring.{ending}") for ending in ("gpg", "pgp")
)

_ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<rest>.+)$")


@dataclass(frozen=True, slots=True)
class Archive:
    """One entry of apt's sources.

    signed_by: the keyring's path or an inline key, exactly as written; empty for apt's default.
    """

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""

    @property
    def is_debian(self) -> bool:
        """Whether this is a mirror of Debian's main archive (not security, not another's)."""
        path = self.uri.rstrip("/").removesuffix(".list")
        return path.rsplit("/", 1)[-1] == "debian" and "main" in self.components

    def with_suites(self, *suites: str) -> Archive:
        """The same mirror, another suite."""
        return replace(self, suites=suites)

    def deb822(self) -> str:
        """The entry as one stanza of a `.sources` file."""
        lines = ["Types: deb", f"URIs: {self.uri}", f"Suites: {' '.join(self.suites)}"]
        if self.components:
            lines.append(f"Components: {' '.join(self.components)}")
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


def system_archives(etc_apt: Path = Path("/etc/apt")) -> list[Archive]:
    """Every enabled binary archive of this system, in apt's order. Unreadable files count not."""
    parts = etc_apt / "sources.list.d"
    files = [etc_apt / "sources.list"]
    files += sorted(path for path in parts.glob("*") if path.suffix in (".list", ".sources"))
    found: list[Archive] = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found += parse_deb822(text) if path.suffix == ".sources" else parse_one_line(text)
    return found


def backports_archive(
    archives: Sequence[Archive], suite: str, keyrings: Sequence[Path] = DEBIAN_KEYRINGS
) -> Archive | None:
    """Debian's suite on this system's own mirror, else on the one that MIRROR_VARIABLE names.

    None if there is no mirror, or no keyring to verify another one's signature.
    """
    keyring = next((str(path) for path in keyrings if path.is_file()), "")
    for archive in archives:
        if archive.is_debian:
            signed_by = archive.signed_by or keyring
            return Archive(archive.uri, (suite,), ("main",), signed_by)
    mirror = os.environ.get(MIRROR_VARIABLE, "")
    return Archive(mirror, (suite,), ("main",), keyring) if mirror and keyring else None


def parse_one_line(text: str) -> list[Archive]:
    """`deb [options] URI suite component...` lines; everything else is passed over."""
    found = []
    for line in text.splitlines():
        match = _ONE_LINE.match(line.split("#", 1)[0].strip())
        if match is None:
            continue
        suite, *components = match["rest"].split()
        options = dict(
            word.split("=", 1) for word in (match["options"] or "").split() if "=" in word
        )
        found.append(
            Archive(match["uri"], (suite,), tuple(components), options.get("signed-by", ""))
        )
    return found


def parse_deb822(text: str) -> list[Archive]:
    """The stanzas of a `.sources` file that offer binary packages and are not disabled."""
    found = []
    for fields in _stanzas(text):
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in (
            "no",
            "false",
            "0",
            "off",
            "without",
        ):
            continue
        suites = tuple(fields.get("suites", "").split())
        components = tuple(fields.get("components", "").split())
        signed_by = fields.get("signed-by", "")
        found += [
            Archive(uri, suites, components, signed_by) for uri in fields.get("uris", "").split()
        ]
    return found


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            fields[name] = fields.get(name, "") + "\n" + line.rstrip()
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
