"""The 17 joints that are regressed from the mesh, as SPIN evaluates 3DPW (protocols.md, W1): from files that the user makes.

posebench runs no body model: SMPL's files may not be passed on. The user runs it, and lays beside `sequenceFiles` either
the vertices, `meshes/<sequence>.npz`, and `J_regressor_h36m.npy` of SPIN's data, or what that regressor makes of them,
`regressed/<sequence>.npz`.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from posebench.datasets.threedpw.recording import Array, Person, Recording
from posebench.errors import DataDamagedError, DataMissingError
from posebench.npz import read_npz
from posebench.skeletons import HUMAN36M_17, SMPL_24

REGRESSOR = "J_regressor_h36m.npy"
MESHES, REGRESSED = "meshes", "regressed"
VERTICES = 6890

#: The regressor's rows, left leg first, other than Human3.6M's own order: SPIN's `H36M_TO_J17` begins with the right
#: ankle, row 6, and HybrIK names the rows so. `J_regressor_h36m_correct.npy` of Pose2Mesh has the right leg first.
ROWS = (
    "Hip",
    "LHip",
    "LKnee",
    "LFoot",
    "RHip",
    "RKnee",
    "RFoot",
    "Spine",
    "Thorax",
    "Neck/Nose",
    "Head",
    "LShoulder",
    "LElbow",
    "LWrist",
    "RShoulder",
    "RElbow",
    "RWrist",
)
TO_HUMAN36M = tuple(ROWS.index(name) for name in HUMAN36M_17.joints)

#: Joints that both joint sets have at nearly the same place, by side: the left ones, then the right ones.
SAME = tuple(
    (side + short, f"{word}_{long}")
    for side, word in (("L", "left"), ("R", "right"))
    for short, long in (("Knee", "knee"), ("Foot", "ankle"), ("Elbow", "elbow"), ("Wrist", "wrist"))
)
#: Further than this, in metres and in the median over frames, a regressed joint is not the person's.
NEAR_M = 0.15
#: Rows of a regressor are weights of vertices: they sum to 1, but for rounding.
OFF_ONE = 0.05


def regressed_files(root: Path, sequences: dict[str, list[str]]) -> dict[str, Path]:
    """The file of each sequence's mesh or regressed joints, by its name; empty where the user has made none.

    `sequences` are the names of each split. A split has all of its files or
    none, and `test` has them. Raises `DataMissingError` naming the first file
    that is missing and what it must hold.
    """
    folders = [root / name for name in (REGRESSED, MESHES) if (root / name).is_dir()]
    regressor = root / REGRESSOR
    if not folders and not regressor.exists():
        return {}
    if len(folders) > 1:
        raise DataDamagedError(f"Both {folders[0]} and {folders[1]} are there; leave only one of them in the folder.")
    if folders and folders[0].name == MESHES and not regressor.exists():
        raise DataMissingError(
            f"There are meshes in {folders[0]} but no {regressor}; copy it there from the data that SPIN's repository "
            f"tells how to get, or take the meshes away to prepare 3DPW without its regressed joints."
        )
    folder = folders[0] if folders else root / MESHES
    found: dict[str, Path] = {}
    for split, names in sequences.items():
        paths = {name: folder / f"{name}.npz" for name in names}
        missing = [path for path in paths.values() if not path.is_file()]
        if missing and (split == "test" or len(missing) < len(paths)):
            raise DataMissingError(
                f"The regressed joints of 3DPW need {missing[0]} ({len(missing)} such files of the split {split!r} are "
                f"missing), with {_content(folder.name)}; make it with the SMPL model, or take "
                f"{(folder if folders else regressor).name} away to prepare 3DPW without them."
            )
        found |= {} if missing else paths
    if not found:
        raise DataMissingError(
            f"None of the sequences in {root} has a file in {folder}; put those of the test split there."
        )
    return found


def _content(folder: str) -> str:
    if folder == MESHES:
        return f"'vertices', float32 (people, frames, {VERTICES}, 3), world metres"
    return f"'joints', float32 (people, frames, 17, 3), world metres, in the order of {REGRESSOR}'s rows"


def read_regressor(root: Path) -> Array:
    """(17, 6890) weights; raises `DataDamagedError` for another file."""
    path = root / REGRESSOR
    try:
        weights = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataDamagedError(
            f"The file {path} cannot be read as an array of numbers ({error}); copy it again."
        ) from error
    if not isinstance(weights, np.ndarray) or weights.shape != (17, VERTICES) or weights.dtype.kind != "f":
        raise DataDamagedError(
            f"The file {path} is no array of floats (17, {VERTICES}); it is not {REGRESSOR} of SPIN."
        )
    if not np.isfinite(weights).all() or np.abs(weights.sum(axis=1) - 1).max() > OFF_ONE:
        raise DataDamagedError(f"The rows of {path} do not sum to 1; it is not {REGRESSOR} of SPIN.")
    return weights.astype(np.float64)


def regressed_joints(path: Path, regressor: Array | None, recording: Recording) -> list[Array]:
    """World metres (frames, 17, 3) of each person in Human3.6M's order, from a file that `regressed_files` found.

    Raises `DataDamagedError` for a file that does not fit the sequence: people,
    frames, numbers, another space or unit, left for right.
    """
    key, points = ("joints", 17) if regressor is None else ("vertices", VERTICES)
    values = read_npz(path, [key])[key]
    shape = (len(recording.people), len(recording.cam_poses), points, 3)
    if not isinstance(values, np.ndarray) or values.shape != shape:
        raise DataDamagedError(
            f"The file {path} has {key!r} of shape {np.shape(values)}, where {recording.path.name} asks for {shape}."
        )
    if values.dtype not in (np.float32, np.float64):
        raise DataDamagedError(
            f"The file {path} has {key!r} as {values.dtype}, which rounds world metres by millimetres; write float32."
        )
    made = []
    for i, (person, own) in enumerate(zip(recording.people, values, strict=True)):
        joints = _regress(own, regressor, person)[:, TO_HUMAN36M]
        broken = np.flatnonzero(person.aligned & ~np.isfinite(joints).all(axis=(1, 2)))
        if len(broken):
            raise DataDamagedError(
                f"The file {path} has NaN or infinity in person {i}, frame {broken[0]}; write it again."
            )
        _check_sides(joints, person, f"Person {i} of {path}")
        made.append(joints)
    return made


def _regress(points: npt.NDArray[np.floating], regressor: Array | None, person: Person) -> Array:
    if regressor is None:
        return points.astype(np.float64)
    used = np.flatnonzero(regressor.any(axis=0))
    # About the pelvis, as SPIN regresses a mesh that stands at the origin: rows sum to 1 only nearly.
    pelvis = person.joints[:, :1]
    joints: Array = regressor[:, used] @ (points[:, used].astype(np.float64) - pelvis) + pelvis
    return joints


def _check_sides(joints: Array, person: Person, where: str) -> None:
    """Knees, ankles, elbows and wrists are where the sequence file has SMPL's, and not those of the other side."""
    frames = person.aligned
    if not frames.any():
        return
    ours = joints[frames][:, list(HUMAN36M_17.indices(tuple(name for name, _ in SAME)))]
    smpl = person.joints[frames][:, list(SMPL_24.indices(tuple(name for _, name in SAME)))]
    distance = np.median(np.linalg.norm(ours - smpl, axis=-1), axis=0)
    if (distance <= NEAR_M).all():
        return
    half = len(SAME) // 2
    mirrored = np.roll(np.arange(len(SAME)), half)
    crossed = np.median(np.linalg.norm(ours - smpl[:, mirrored], axis=-1), axis=0)
    swapped = [SAME[i][0] for i in np.flatnonzero((distance > NEAR_M) & (crossed <= NEAR_M))]
    if swapped:
        raise DataDamagedError(
            f"{where}: {', '.join(swapped)} are where the joints of the other side should be; the regressor's rows must "
            f"stand in the order of SPIN's {REGRESSOR}, left leg first, which Pose2Mesh's J_regressor_h36m_correct.npy is not."
        )
    worst = int(distance.argmax())
    raise DataDamagedError(
        f"{where}: {SAME[worst][0]} is {distance[worst]:.3g} m from SMPL's {SAME[worst][1]} in the sequence file; write "
        "world metres of the same frames and people."
    )
