from pathlib import Path

import numpy as np
import pytest
from small_priors import MOTION, NAME, write_prior
from tiny import STANDING


@pytest.fixture(scope="session")
def prior(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options of a small prior of single poses."""
    path = write_prior(tmp_path_factory.mktemp("priors") / "single.safetensors")
    return ["-m", NAME, "--weights", str(path), "--steps", "3", "--device", "cpu"]


@pytest.fixture(scope="session")
def motion_prior(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The same of motions of 9 frames."""
    path = write_prior(tmp_path_factory.mktemp("priors") / "motion.safetensors", MOTION)
    return ["-m", NAME, "--weights", str(path), "--steps", "3", "--device", "cpu"]


@pytest.fixture
def pose_file(tmp_path: Path) -> Path:
    """A user's file: 12 frames of a standing person 5 m away, the right wrist missing in all and a foot in one."""
    poses = np.repeat((STANDING - STANDING[0])[None] * [1, -1, -1] + [0.0, 0.0, 5000.0], 12, axis=0)
    poses += 5 * np.arange(12)[:, None, None]
    poses[:, 16] = np.nan
    poses[3, 6] = np.nan
    np.savez(tmp_path / "mine.npz", poses=poses)
    return tmp_path / "mine.npz"
