"""Plug-ins of strangers: found by entry point, a broken one set aside with a reason."""

import subprocess
import sys
from pathlib import Path

DIST_INFO = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"


def install(site: Path, name: str, code: str) -> None:
    """A distribution as pip leaves it: a module and a dist-info folder with the entry point."""
    module = name.replace("-", "_")
    (site / f"{module}.py").write_text(code)
    info = site / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(DIST_INFO.format(name=name))
    (info / "entry_points.txt").write_text(f"[posebench.plugins]\n{name} = {module}\n")


def listed(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r}); from posebench.cli.main import run_command;"
        f"sys.exit(run_command({list(arguments)!r}))"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


GOOD = """
from posebench import LifterSpec, register_lifter

@register_lifter("strangers_lifter", spec=LifterSpec())
def make():
    import torch
    class Zero(torch.nn.Module):
        def lift(self, inputs):
            return torch.zeros(len(inputs.keypoints), 1, 17, 3)
    return Zero()
"""


def test_a_stranger_is_listed_and_a_broken_one_reported(tmp_path: Path) -> None:
    install(tmp_path, "good-plugin", GOOD)
    install(
        tmp_path,
        "half-plugin",
        GOOD.replace("strangers_lifter", "half") + "\nraise RuntimeError('no licence server')\n",
    )
    install(tmp_path, "thief-plugin", GOOD.replace("strangers_lifter", "videopose3d"))
    result = listed(tmp_path, "list")
    assert result.returncode == 0
    assert "strangers_lifter.default" in result.stdout
    assert "half.default" not in result.stdout
    assert "'half-plugin' of half-plugin 1.0 could not be loaded (RuntimeError: no licence server)" in result.stderr
    assert "'thief-plugin'" in result.stderr
    assert "of thief_plugin:make is already registered by zoo.plugin:videopose3d" in result.stderr
    assert "Traceback" not in result.stderr
    doctor = listed(tmp_path, "doctor")
    assert doctor.returncode == 1
    assert "half-plugin" in doctor.stderr


def test_a_strangers_lifter_runs(tmp_path: Path) -> None:
    install(tmp_path, "good-plugin", GOOD)
    result = listed(tmp_path, "mock", "strangers_lifter")
    assert result.returncode == 0, result.stderr
    assert "(2, 1, 1, 17, 3)" in result.stdout
