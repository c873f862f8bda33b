"""A third party's package, `tests/third_party`, built and installed by pip: it joins, is told apart, and goes without a trace."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "third_party"
RUN_ALL = """
import json, sys
from posebench.cli.main import run_command
sys.exit(next((code for command in json.loads(sys.argv[1]) if (code := run_command(command))), 0))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip installed the package into; nothing of it is in the environment of the tests."""
    # The build backend is the environment's own setuptools (torch needs it too), so that nothing is fetched;
    # it leaves files beside the source, hence the copy.
    source, site = tmp_path_factory.mktemp("stranger") / "source", tmp_path_factory.mktemp("site")
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__"))
    install = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(site))
    done = subprocess.run([sys.executable, "-m", "pip", *install, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return site


@pytest.fixture
def site(installed: Path, tmp_path: Path) -> Path:
    """The installed package, for one test to change."""
    return shutil.copytree(installed, tmp_path / "site")


def posebench(site: Path, *commands: list[str]) -> subprocess.CompletedProcess[str]:
    """Command lines, one after the other, in a process that sees the package's folder."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, "-c", RUN_ALL, json.dumps(commands)], capture_output=True, text=True, env=environment
    )


def succeeded(site: Path, *commands: list[str]) -> str:
    done = posebench(site, *commands)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_listed_and_described_with_its_provenance(site: Path) -> None:
    listed = json.loads(succeeded(site, ["list", "--json"]))
    models = {model["name"]: model for model in listed["models"]}
    assert models["frontal.skaters"]["origin"] == "stranger_lifters.plugin:frontal"
    assert models["frontal.skaters"]["provided_by"] == "stranger-lifters 0.3.1"
    assert models["frontal.skaters"]["weights"] == "bundled"
    assert models["frontal.textbook"]["weights"] == "needs none"
    assert models["videopose3d.open"]["provided_by"].startswith("posebench-lifting ")
    assert {"skaters", "procedural"} <= {row["name"] for row in listed["datasets"]}
    assert "skaters/upper-body" in listed["protocols"]
    assert listed["broken_plugins"] == []
    described = succeeded(site, ["info", "frontal"], ["info", "skaters"], ["info", "skaters/upper-body"])
    assert described.count("stranger-lifters 0.3.1") == 3
    assert "MPJPE 100.0 mm" in described.split("Reported by papers (not run here)")[1]
    named = succeeded(site, ["list", "skaters*"])
    assert "From stranger-lifters 0.3.1 (stranger_lifters.plugin): lifter frontal, data set skaters" in named
    assert "stranger-lifters 0.3.1, stranger_lifters.plugin" in succeeded(site, ["doctor"])


def test_it_runs_and_stands_on_the_board_and_leaves_with_the_package(site: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    keep = ["--records", str(board / "records"), "--device", "cpu"]
    succeeded(
        site,
        ["run", "-m", "frontal", "-d", "skaters", *keep],
        ["run", "-m", "videopose3d", "-d", "skaters", *keep],
        ["run", "-m", "frontal.textbook", "-d", "procedural", "--limit", "100", *keep],
        ["data", "verify", "skaters"],
        ["leaderboard", "build", "--dir", str(board)],
        ["leaderboard", "check", "--dir", str(board)],
    )
    records = {path.parent.name: json.loads(path.read_text()) for path in (board / "records").rglob("*.json")}
    own, guest = records["frontal.skaters"], records["videopose3d.open"]
    assert own["protocol"]["id"] == "skaters/upper-body+gt@1"
    assert own["lifter"]["domain"] == "in-domain"
    assert own["provided_by"] == dict.fromkeys(("lifter", "dataset", "protocol"), "stranger-lifters 0.3.1")
    assert guest["lifter"]["domain"] == "cross-dataset"
    assert guest["provided_by"]["dataset"] == "stranger-lifters 0.3.1"
    assert guest["provided_by"]["lifter"].startswith("posebench-lifting ")
    assert records["frontal.textbook"]["kind"] == "smoke"
    assert records["frontal.textbook"]["provided_by"]["dataset"].startswith("posebench-lifting ")

    page = (board / "skaters" / "upper-body+gt@1.md").read_text()
    parts = page.split("## Provided by third parties")[1]
    assert parts.count("stranger-lifters 0.3.1") == 3
    assert "`stranger_lifters.plugin:frontal`" in parts
    assert "videopose3d" not in parts
    assert "not run here" not in page  # a third party's own claims stand in `info` alone
    rows = json.loads((board / "skaters" / "upper-body+gt@1.json").read_text())["rows"]
    assert {row["lifter"].split(".")[0]: row["provided_by"].split(" ")[0] for row in rows} == {
        "frontal": "stranger-lifters",
        "videopose3d": "posebench-lifting",
    }

    shutil.rmtree(site)
    assert "skaters" not in succeeded(site, ["list"], ["leaderboard", "check", "--dir", str(board)])
    gone = posebench(site, ["run", "-m", "videopose3d", "-d", "skaters"])
    assert gone.returncode == 2
    assert "There is no data set 'skaters'" in gone.stderr
    again = posebench(site, ["reproduce", own["id"], "--dir", str(board)])
    assert again.returncode == 2
    assert "There is no protocol 'skaters/upper-body'" in again.stderr


def test_a_release_that_fails_is_reported_and_leaves_nothing_behind(site: Path) -> None:
    plugin = site / "stranger_lifters" / "plugin.py"
    plugin.write_text(plugin.read_text() + "\nraise RuntimeError('the licence server is down')\n")
    done = posebench(site, ["list", "--json"])
    listed = json.loads(done.stdout)
    assert done.returncode == 0
    assert "stranger-lifters 0.3.1 could not be loaded (RuntimeError: the licence server is down)" in done.stderr
    assert listed["broken_plugins"][0]["name"] == "strangers"
    assert not any("skaters" in str(listed[kind]) for kind in ("models", "datasets", "protocols", "third_parties"))
    assert posebench(site, ["doctor"]).returncode == 1


def test_weights_that_are_not_those_of_the_manifest_are_refused(site: Path) -> None:
    weights = site / "stranger_lifters" / "weights" / "frontal.skaters.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    done = posebench(site, ["run", "-m", "frontal", "-d", "skaters", "--limit", "10"])
    assert done.returncode == 3
    assert "sha256" in done.stderr or "hash" in done.stderr
    assert "Traceback" not in done.stderr


def test_python_makes_it_by_name(site: Path) -> None:
    made = ("posebench.create_lifter('frontal')", "posebench.create_lifter('frontal.textbook', torso=480.0)")
    code = f"import posebench; print({made[0]}.torso.item(), {made[1]}.torso.item())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(site)}
    )
    assert done.stdout.split() == ["470.0", "480.0"], done.stderr
