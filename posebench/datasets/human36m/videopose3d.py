"""VideoPose3D's files: `data_3d_h36m.npz` (32 joints, metres, world) and `data_2d_h36m_<source>.npz` (px).

Layout and habits: VideoPose3D `data/prepare_data_h36m.py`, `common/h36m_dataset.py`, `run.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posebench.datasets.clip import Clip, View
from posebench.datasets.human36m.arrays import Array, check_finite, check_metres, numbers
from posebench.datasets.human36m.layouts import LAYOUTS, Layout, find_layout
from posebench.datasets.human36m.takes import ACTIONS, DAMAGED, SPLITS, action_of, number_takes
from posebench.datasets.human36m_cameras import CAMERAS, placed_cameras
from posebench.errors import DataDamagedError
from posebench.npz import read_npz
from posebench.skeletons import HUMAN36M_17

#: The 17 joints among the owner's 32.
SELECTED = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
OWNER_JOINTS = 32
M_TO_MM = 1000.0
#: Where a clip's metadata say how many frames of 2D were cut, by source.
EXTRA = "extra_2d_frames_"

#: subject -> name of a take -> poses (frames, 17, 3) in world metres
_Positions = dict[str, dict[str, Array]]
#: Where a clip's metadata say from which joints those of a source were made.
JOINTS = "joints_"


@dataclass(frozen=True)
class _Keypoints:
    """A 2D file: its joints, and subject -> name of a take -> one array (frames or more, joints, 2 or 3) a camera."""

    layout: Layout
    views: dict[str, dict[str, list[Array]]]


def videopose3d_clips(poses: Path, sources: Mapping[str, Path]) -> Iterator[Clip]:
    """Every take, in world mm, seen by the four cameras, with the 2D of all sources; all files are checked first.

    2D that goes on after the last pose is cut, as VideoPose3D does: some videos have frames more than their
    motion capture. How many is in the metadata. Raises `DataDamagedError` for what is not in this layout.
    """
    positions = _positions(poses)
    keypoints = {source: _keypoints(path, positions) for source, path in sources.items()}
    joints = {
        f"{JOINTS}{source}": own.layout.skeleton.name
        for source, own in keypoints.items()
        if own.layout.skeleton is not HUMAN36M_17
    }
    for subject, takes in positions.items():
        numbered = number_takes(subject, takes)
        for name in sorted(takes, key=lambda name: (ACTIONS.index(numbered[name][0]), numbered[name][1])):
            action, take = numbered[name]
            world = takes[name].astype(np.float64) * M_TO_MM
            found = {source: own.views[subject][name] for source, own in keypoints.items()}
            extra = {
                f"{EXTRA}{source}": str(sum(len(view) - len(world) for view in views))
                for source, views in found.items()
            }
            yield Clip(
                subject=subject,
                action=action,
                name=take,
                split=SPLITS[subject],
                views=tuple(
                    View(
                        camera,
                        keypoints={
                            source: keypoints[source].layout.stored(views[i][: len(world)])
                            for source, views in found.items()
                        },
                    )
                    for i, camera in enumerate(placed_cameras(subject))
                ),
                world=world,
                metadata={"take_name": name, "file": poses.name, **extra, **joints},
            )


def _positions(path: Path) -> _Positions:
    """The poses of every take but the damaged one, the 17 joints in metres; subjects in the order of the splits."""
    subjects = _nested(read_npz(path, ["positions_3d"])["positions_3d"], path, "positions_3d")
    for subject in subjects:
        if subject not in SPLITS:
            raise DataDamagedError(
                f"{path} has a subject {subject!r}, for whom there are no cameras; it must have {', '.join(SPLITS)}."
            )
    found: _Positions = {}
    for subject in SPLITS:
        if subject not in subjects:
            continue
        takes = {}
        for name, value in _nested(subjects[subject], path, subject).items():
            where = f"{path}: {subject} {name}"
            if action_of(name) is None:
                raise DataDamagedError(f"{where} is not one of the {len(ACTIONS)} actions of Human3.6M; get it again.")
            owner = numbers(value, (None, OWNER_JOINTS, 3), where)
            selected = owner[:, list(SELECTED)]
            check_finite(selected, where)
            check_metres(selected, where)
            takes[name] = selected
        try:
            numbered = number_takes(subject, takes)
        except ValueError as error:
            raise DataDamagedError(f"{path}: of {subject}, {error}; get the file again.") from error
        found[subject] = {name: poses for name, poses in takes.items() if (subject, *numbered[name]) != DAMAGED}
    if not any(found.values()):
        raise DataDamagedError(f"{path} has no poses; get it again.")
    return found


def _keypoints(path: Path, positions: _Positions) -> _Keypoints:
    """The 2D of exactly the sequences that have poses; what a file has beyond them is not looked at."""
    members = read_npz(path, ["metadata", "positions_2d"])
    layout = _layout(members["metadata"], path)
    subjects = _nested(members["positions_2d"], path, "positions_2d")
    found: dict[str, dict[str, list[Array]]] = {}
    for subject, takes in positions.items():
        if subject not in subjects:
            raise DataDamagedError(
                f"{path} has no subject {subject}, who has poses; get the file again or move it away."
            )
        own = _nested(subjects[subject], path, subject)
        found[subject] = {}
        for name, poses in takes.items():
            if name not in own:
                raise DataDamagedError(
                    f"{path} has no {subject} {name}, which has poses; get the file again or move it away."
                )
            views = own[name]
            if not isinstance(views, (list, tuple, np.ndarray)) or len(views) != len(CAMERAS):
                count = len(views) if isinstance(views, (list, tuple, np.ndarray)) else 0
                raise DataDamagedError(
                    f"{path}: {subject} {name} has 2D of {count} cameras, not of the {len(CAMERAS)} cameras "
                    f"{', '.join(CAMERAS)}; get the file again."
                )
            found[subject][name] = [
                _camera_keypoints(view, layout, len(poses), f"{path}: {subject} {name} camera {camera}")
                for view, camera in zip(views, CAMERAS, strict=True)
            ]
    return _Keypoints(layout, found)


def _camera_keypoints(value: object, layout: Layout, frames: int, where: str) -> Array:
    # Some codebases of this family add the detector's confidence as a third column.
    columns = 3 if isinstance(value, np.ndarray) and value.shape[-1:] == (3,) else 2
    keypoints = numbers(value, (None, layout.skeleton.num_joints, columns), where)
    if len(keypoints) < frames:
        raise DataDamagedError(
            f"{where} has {len(keypoints)} frames of 2D for {frames} poses, so its last poses were never seen; "
            "get the file again."
        )
    check_finite(keypoints[:frames], where)
    return keypoints


def _layout(metadata: object, path: Path) -> Layout:
    """The joints of a 2D file, which names them only by their number and by which are left and right."""
    if not isinstance(metadata, dict) or "num_joints" not in metadata or "keypoints_symmetry" not in metadata:
        raise DataDamagedError(
            f"{path}: its 'metadata' do not hold num_joints and keypoints_symmetry, without which its joints are not known."
        )
    try:
        left, right = ([int(joint) for joint in side] for side in metadata["keypoints_symmetry"])
        count = int(metadata["num_joints"])
    except (TypeError, ValueError) as error:
        raise DataDamagedError(f"{path}: its 'metadata' cannot be read ({error}); get the file again.") from error
    layout = find_layout(count, left, right)
    if layout is None:
        named = f" (layout {metadata['layout_name']!r})" if "layout_name" in metadata else ""
        known = ", ".join(dict.fromkeys(known.skeleton.name for known in LAYOUTS))
        raise DataDamagedError(
            f"{path} has joints{named} that are none of {known}: {count} of them, left {left}; "
            "move the file out of the folder."
        )
    return layout


def _nested(value: object, path: Path, what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise DataDamagedError(
            f"{path}: its {what!r} is a {type(value).__name__}, not a dict by name; get the file again."
        )
    return value
