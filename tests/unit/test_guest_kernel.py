"""The kernel's build: its key, its cache, and what is said when it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guest import kernel
from guest.compilation import check_tools, lost_options
from guest.errors import SetupError


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "recipe"
    (folder / "patches").mkdir(parents=True)
    (folder / "kernel.config").write_text("CONFIG_VETH=y\n")
    (folder / "patches" / "1.patch").write_text("-a\n+b\n")
    monkeypatch.setattr(kernel, "CONFIG", folder / "kernel.config")
    monkeypatch.setattr(kernel, "PATCHES", folder / "patches")
    return folder


def put_build(cache: Path, key: str, source: Path | None) -> None:
    folder = cache / "kernels" / key
    folder.mkdir(parents=True)
    (folder / "linux").touch()
    facts = {
        "release": "7.2.12",
        "source": "linux.tar.xz",
        "compiler": "gcc 12",
        "clock_address": 4096,
        "build_s": 300.0,
    }
    (folder / "kernel.json").write_text(json.dumps(facts))
    kernel._remember(kernel._index_entry(cache / "kernels", source), key)


def test_every_option_that_did_not_survive_is_named() -> None:
    wanted = (
        "# a comment\nCONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set\n# CONFIG_D is not set\n"
        "CONFIG_E=17\n# CONFIG_F is not set\n"
    )
    final = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=y\nCONFIG_E=14\n# CONFIG_F is not set\n"
    assert lost_options(wanted, final) == ["CONFIG_B=y", "# CONFIG_C is not set", "CONFIG_E=17"]


def test_the_key_holds_everything_that_goes_into_a_build(recipe: Path) -> None:
    keys = [kernel.build_key("source", "gcc 12"), kernel.build_key("source", "gcc 12")]
    assert keys[0] == keys[1]
    keys += [kernel.build_key("other", "gcc 12"), kernel.build_key("source", "gcc 13")]
    (recipe / "kernel.config").write_text("CONFIG_VETH=y\nCONFIG_TUN=y\n")
    keys.append(kernel.build_key("source", "gcc 12"))
    (recipe / "patches" / "2.patch").write_text("")
    keys.append(kernel.build_key("source", "gcc 12"))
    assert len(set(keys[1:])) == len(keys) - 1


@pytest.mark.usefixtures("recipe")
def test_a_cached_kernel_needs_nothing_but_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")  # no compiler, no apt
    cache = tmp_path / "cache"
    assert kernel.find_kernel(cache=cache) is None
    put_build(cache, "abc", None)
    found = kernel.provide_kernel(cache=cache)
    assert found.path == cache / "kernels" / "abc" / "linux"
    assert (found.release, found.clock_address) == ("7.2.12", 4096)


def test_a_changed_configuration_or_tarball_is_another_kernel(recipe: Path, tmp_path: Path) -> None:
    cache, tarball = tmp_path / "cache", tmp_path / "linux.tar.xz"
    tarball.write_text("one")
    put_build(cache, "abc", None)
    put_build(cache, "def", tarball)
    mine = kernel.find_kernel(tarball, cache=cache)
    assert mine is not None
    assert mine.key == "def"
    tarball.write_text("three")
    assert kernel.find_kernel(tarball, cache=cache) is None
    (recipe / "kernel.config").write_text("CONFIG_TUN=y\n")
    assert kernel.find_kernel(cache=cache) is None


@pytest.mark.usefixtures("recipe")
def test_a_damaged_cache_is_no_kernel(tmp_path: Path) -> None:
    put_build(tmp_path, "abc", None)
    (tmp_path / "kernels" / "abc" / "kernel.json").write_text("{}")
    assert kernel.find_kernel(cache=tmp_path) is None


def test_missing_tools_are_told_with_the_line_that_installs_them(tmp_path: Path) -> None:
    for tool in ("make", "ld", "nm", "strip", "bison", "patch", "awk", "tar", "xz"):
        (tmp_path / tool).touch(mode=0o755)
    with pytest.raises(SetupError, match=r"sudo apt-get install bc flex gcc$"):
        check_tools(str(tmp_path))


@pytest.mark.usefixtures("recipe")
def test_a_tarball_that_is_missing_ends_before_anything_is_built(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="does not exist"):
        kernel.provide_kernel(tmp_path / "none.tar.xz", cache=tmp_path / "cache")
    assert not list((tmp_path / "cache" / "kernels").glob("*.building"))
