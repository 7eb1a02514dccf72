"""What is built from the source folder: the wheel and the sdist hold what a user needs."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from topologies.distribution import PACKAGE, DistributionPackages

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("topologies", "controller", "traffic", "experiments", "guest")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip lays it down, far from the source folder."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel(built)) as archive:
        archive.extractall(folder)
    return folder


def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def files_of(folder: Path) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def fibercut(installed: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "experiments.cli", *words],
        cwd=cwd,
        env={"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin", "HOME": str(cwd)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_wheel_holds_every_file_of_the_packages_and_none_of_the_others(built: Path) -> None:
    with zipfile.ZipFile(wheel(built)) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        script = archive.getinfo("experiments/provision/system.sh")
    provision = {f"experiments/{name}" for name in files_of(ROOT / "provision")}
    packages = (files_of(ROOT / name) for name in PACKAGES)
    assert names == provision.union({"fibercut.py"}, *packages)
    assert script.external_attr >> 16 & 0o111, "it must be possible to run it"


def test_the_sdist_is_the_source_folder(built: Path) -> None:
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        members = {one.name.partition("/")[2]: one for one in archive.getmembers()}
    needed = {"fibercut", "README.md", "LICENSE", "CITATION.cff", "docs/index.md", "docs/conf.py"}
    needed |= files_of(ROOT / "provision").union(*(files_of(ROOT / name) for name in PACKAGES))
    assert needed <= set(members)
    assert members["fibercut"].mode & 0o111
    unwanted = (".venv", "runs/", "docs/_build", ".git/")
    assert not [name for name in members if name.startswith(unwanted) or "__pycache__" in name]


def test_an_installed_fibercut_finds_its_data_anywhere(installed: Path, tmp_path: Path) -> None:
    listed = fibercut(installed, tmp_path, "list", "--json")
    names = {
        title: {e["name"] for e in entries} for title, entries in json.loads(listed.stdout).items()
    }
    assert "fiber-cut" in names["scenarios"]
    assert "n-minus-1" in names["studies"]
    assert "ai-backbone" in names["topologies"]
    assert fibercut(installed, tmp_path, "validate", "fiber-cut").returncode == 0
    assert fibercut(installed, tmp_path, "map", "hybrid", "--out", "map.svg").returncode == 0
    assert (tmp_path / "map.svg").stat().st_size > 1000


def test_what_needs_the_source_folder_says_so(installed: Path, tmp_path: Path) -> None:
    for word in ("test", "docs"):
        done = fibercut(installed, tmp_path, word)
        assert done.returncode in (1, 2)
        assert f"run ./fibercut {word} in Fibercut's source folder" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_citation_names_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    assert str(citation["version"]) == project["version"]
    assert citation["license"] == project["license"]


def test_only_mininet_is_taken_from_the_distribution(tmp_path: Path) -> None:
    for name in (PACKAGE, "numpy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / f"{name}-2.3.0.egg-info").write_text(
            f"Metadata-Version: 1.0\nName: {name}\nVersion: 2.3.0\n"
        )
    finder = DistributionPackages([str(tmp_path)])
    found = finder.find_spec(PACKAGE)
    assert found is not None
    assert found.origin == str(tmp_path / PACKAGE / "__init__.py")
    assert finder.find_spec("numpy") is None
    context = importlib.metadata.DistributionFinder.Context
    assert [one.version for one in finder.find_distributions(context(name=PACKAGE))] == ["2.3.0"]
    assert not list(finder.find_distributions(context(name="numpy")))
    assert not list(finder.find_distributions(context()))
