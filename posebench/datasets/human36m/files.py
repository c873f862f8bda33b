"""Which of the files in circulation a folder has, told by their names, before anything is read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from posebench.datasets.clip import NAME
from posebench.errors import DataDamagedError, DataMissingError

POSES_3D = "data_3d_h36m.npz"
POSES_2D = re.compile(r"data_2d_h36m_(?P<source>.+)\.npz")
MOTIONBERT = re.compile(r"h36m_(?P<detector>[a-z0-9]+?)(_conf)?_cam_source(_final)?\.pkl")
MMPOSE_50 = "fps50/h36m_test.npz"
MMPOSE = re.compile(r"h36m_(?P<split>train|test)\.npz")

#: Codebases keep their files up to three folders deep (`annotation_body3d/fps50/`), and images one deeper.
_DEPTHS = ("*", "*/*", "*/*/*")


@dataclass(frozen=True)
class Files:
    """What was found. `mmpose` has a folder for each frame rate, each with its files by split."""

    poses: Path | None = None
    keypoints: Mapping[str, Path] = field(default_factory=dict)
    motionbert: Path | None = None
    mmpose: tuple[Mapping[str, Path], ...] = ()


def find_files(source: Path | None) -> Files:
    """The files in a folder, or what one file stands for.

    2D stands beside its 3D. Raises `DataMissingError` when there is nothing of Human3.6M, or 2D without 3D, and
    `DataDamagedError` when there is one file twice, so that nobody's choice is guessed.
    """
    if source is None or not source.exists():
        where = "no folder was given" if source is None else f"there is no {source}"
        raise DataMissingError(f"Human3.6M needs its files and {where}; name their folder.")
    paths = [source] if source.is_file() else sorted(path for depth in _DEPTHS for path in source.glob(depth))
    poses = _only([path for path in paths if path.name == POSES_3D])
    motionbert = _only([path for path in paths if MOTIONBERT.fullmatch(path.name)])
    folders: dict[Path, dict[str, Path]] = {}
    for path in paths:
        if match := MMPOSE.fullmatch(path.name):
            folders.setdefault(path.parent, {})[match["split"]] = path
    if poses is None and motionbert is None and not folders:
        if any(POSES_2D.fullmatch(path.name) for path in paths):
            raise DataMissingError(
                f"{source} has 2D of Human3.6M but no {POSES_3D}; put it beside the 2D and name their folder."
            )
        raise DataMissingError(
            f"{source} is not Human3.6M as it is in circulation: give {POSES_3D} (VideoPose3D), "
            "h36m_sh_conf_cam_source_final.pkl (MotionBERT), h36m_test.npz (mmpose), or a folder with one of them."
        )
    return Files(poses, {} if poses is None else _beside(poses), motionbert, tuple(folders.values()))


def _beside(poses: Path) -> dict[str, Path]:
    """The 2D files beside a 3D file by source; `gt` is what posebench projects itself, so the file is `gt_npz`."""
    found = {}
    for path in sorted(poses.parent.iterdir()):
        if (match := POSES_2D.fullmatch(path.name)) is None:
            continue
        name = "gt_npz" if match["source"] == "gt" else match["source"]
        if not NAME.fullmatch(name):
            raise DataDamagedError(
                f"The name of {path} cannot name a 2D source: use letters, digits, '_' and '-' after data_2d_h36m_."
            )
        found[name] = path
    return found


def _only(paths: list[Path]) -> Path | None:
    if len(paths) > 1:
        raise DataDamagedError(f"Both {paths[0]} and {paths[1]} are there; name the one to read as --source.")
    return paths[0] if paths else None
