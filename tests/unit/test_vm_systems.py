"""Where the fresh systems of tests/vm get their packages from."""

from __future__ import annotations

from pathlib import Path

import pytest

from guest.archives import Archive
from tests.vm.systems import SYSTEMS, archives_of
from topologies.problems import InputError

KEY = "/keys/debian.gpg"
HERE = (
    Archive("http://mirror/node", ("nodistro",), ("main",)),
    Archive("http://mirror/debian", ("bookworm",), ("main", "contrib"), KEY),
    Archive("http://mirror/debian-security", ("bookworm-security",), ("main",), KEY),
)


def test_another_release_comes_from_the_same_mirrors_and_keys() -> None:
    assert archives_of(SYSTEMS["debian13"], here=HERE) == [
        Archive("http://mirror/debian", ("trixie", "trixie-updates"), ("main",), KEY),
        Archive("http://mirror/debian-security", ("trixie-security",), ("main",), KEY),
    ]


def test_ubuntu_needs_a_mirror_and_a_key_on_debian(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--ubuntu-mirror"):
        archives_of(SYSTEMS["ubuntu24.04"], here=HERE)
    (found,) = archives_of(SYSTEMS["ubuntu24.04"], "http://u/ubuntu", tmp_path / "key", HERE)
    assert (found.uri, found.signed_by) == ("http://u/ubuntu", str(tmp_path / "key"))
    assert "universe" in found.components


def test_a_machine_without_a_mirror_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIBERCUT_DEBIAN_MIRROR", raising=False)
    with pytest.raises(InputError, match="no mirror of Debian"):
        archives_of(SYSTEMS["debian12"], here=HERE[:1])
