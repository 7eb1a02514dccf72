"""Where the kernel's source comes from, and what is said when it will not do."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from guest.archives import (
    MIRROR_VARIABLE,
    Archive,
    backports_archive,
    parse_deb822,
    parse_one_line,
    system_archives,
)
from guest.errors import SetupError
from guest.private_apt import Package
from guest.source import choose_package, source_from_path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEB822 = f"""\
Types: deb deb-src
# a comment in the middle
URIs: http://ftp.example.org/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: {KEYRING}

Types: deb
URIs: http://ftp.example.org/debian-security
Suites: bookworm-security
Components: main
Signed-By: {KEYRING}

Types: deb
URIs: http://old.example.org/debian
Suites: bullseye
Components: main
Enabled: no

Types: deb-src
URIs: http://src.example.org/debian
Suites: sid
Components: main
"""
INLINE_KEY = """\
Types: deb
URIs: http://ftp.example.org/debian
Suites: trixie
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF==
 -----END PGP PUBLIC KEY BLOCK-----
"""


def tarball(path: Path, makefile: str, name: str = "linux-x/Makefile") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, text in (("linux-x/COPYING", "GPL"), (name, makefile)):
            info = tarfile.TarInfo(member)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


def test_deb822_gives_enabled_binary_archives_only() -> None:
    archives = parse_deb822(DEB822)
    assert [one.uri for one in archives] == [
        "http://ftp.example.org/debian/",
        "http://ftp.example.org/debian-security",
    ]
    assert archives[0].suites == ("bookworm", "bookworm-updates")
    assert archives[0].components == ("main", "contrib")
    assert [one.is_debian for one in archives] == [True, False]


def test_deb822_with_an_inline_key_survives_a_round_trip() -> None:
    [archive] = parse_deb822(INLINE_KEY)
    assert "BEGIN PGP" in archive.signed_by
    assert parse_deb822(archive.deb822()) == [archive]


def test_one_line_sources() -> None:
    text = f"""\
# deb http://no.example.org/debian sid main
deb-src http://no.example.org/debian sid main
deb [arch=amd64 signed-by={KEYRING}] http://ftp.example.org/debian bookworm main # mine
deb http://archive.ubuntu.com/ubuntu noble main universe
"""
    assert parse_one_line(text) == [
        Archive("http://ftp.example.org/debian", ("bookworm",), ("main",), KEYRING),
        Archive("http://archive.ubuntu.com/ubuntu", ("noble",), ("main", "universe")),
    ]


def test_both_formats_are_read_from_the_system(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb http://a/debian x main\n")
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "b.list").write_text("deb http://b/debian x main\n")
    (parts / "c.sources").write_text("Types: deb\nURIs: http://c/debian\nSuites: x\n")
    (parts / "d.sources.save").write_text("Types: deb\nURIs: http://d/debian\nSuites: x\n")
    assert [one.uri for one in system_archives(tmp_path)] == [
        "http://a/debian",
        "http://b/debian",
        "http://c/debian",
    ]


def test_backports_come_from_the_own_mirror_with_its_keyring() -> None:
    archive = backports_archive(parse_deb822(DEB822), "trixie-backports", keyrings=())
    assert archive == Archive(
        "http://ftp.example.org/debian/", ("trixie-backports",), ("main",), KEYRING
    )


def test_a_cloud_image_that_names_its_mirror_in_a_list_is_debian() -> None:
    assert Archive("mirror+file:/etc/apt/mirrors/debian.list", ("x",), ("main",)).is_debian
    assert not Archive("mirror+file:/etc/apt/mirrors/debian-security.list", (), ("main",)).is_debian


def test_without_a_debian_mirror_the_users_is_used_if_its_key_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    ubuntu = [Archive("http://archive.ubuntu.com/ubuntu", ("noble",), ("main",))]
    keyring = tmp_path / "debian.gpg"
    mirror = "https://debian.example.org/debian"
    keyring.touch()
    assert backports_archive(ubuntu, "trixie-backports", [keyring]) is None
    monkeypatch.setenv(MIRROR_VARIABLE, mirror)
    assert backports_archive(ubuntu, "trixie-backports", [tmp_path / "none"]) is None
    archive = backports_archive(ubuntu, "trixie-backports", [keyring])
    assert archive is not None
    assert (archive.uri, archive.signed_by) == (mirror, str(keyring))


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["linux-source-7.1", "linux-source-7.2", "linux-source-7.10"], "linux-source-7.2"),
        (["linux-source-6.16", "linux-source-7.10", "linux-source-7.9"], "linux-source-7.10"),
        (["linux-source-6.8.0", "linux-hwe-6.17-source-6.17.0"], "linux-hwe-6.17-source-6.17.0"),
        (["linux-source-6.12", "linux-source", "linux-doc-7.2"], None),
        ([], None),
    ],
)
def test_the_tested_kernel_is_preferred_then_the_newest(
    offered: list[str], chosen: str | None
) -> None:
    package = choose_package([Package(name, "1", 1) for name in offered])
    assert (package.name if package else None) == chosen


def test_a_good_tarball(tmp_path: Path) -> None:
    path = tarball(
        tmp_path / "linux.tar.gz", "# SPDX\nVERSION = 6\nPATCHLEVEL = 16\nSUBLEVEL = 1\n"
    )
    assert source_from_path(path).version == (6, 16)


@pytest.mark.parametrize(
    ("makefile", "name", "message"),
    [
        ("VERSION = 6\nPATCHLEVEL = 15\n", "linux-x/Makefile", "this is Linux 6.15, and 6.16"),
        ("all:\n\techo\n", "linux-x/Makefile", "not the source of a Linux kernel"),
        ("VERSION = 7\nPATCHLEVEL = 2\n", "linux-x/a/Makefile", "not the source of a Linux kernel"),
    ],
)
def test_a_tarball_that_will_not_do(tmp_path: Path, makefile: str, name: str, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        source_from_path(tarball(tmp_path / "x.tar.gz", makefile, name))


def test_a_path_that_is_no_tarball(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    for path, message in (
        (tmp_path / "none", "does not exist"),
        (tmp_path, "is a folder"),
        (tmp_path / "text", "not a readable tarball"),
    ):
        with pytest.raises(SetupError, match=message):
            source_from_path(path)
