"""What `posebench data verify` looks at: checks on a prepared store that any adapter can use.

`run_checks` makes those that hold for every data set of people, then asks the
adapter for its own. An adapter's `verify` calls the others here with the limits
of its data. A failed check names the clip, and the joint or frame, that broke it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.cameras import world_to_camera
from posebench.datasets.adapter import Adapter, Check
from posebench.datasets.sequence import IMAGE25D, SequenceInfo
from posebench.datasets.store import Dataset
from posebench.datasets.virtual_rig import inside_image
from posebench.errors import UsageError
from posebench.joint_maps import convert_joints
from posebench.skeletons import HUMAN36M_17

Array = npt.NDArray[np.floating[Any]]

#: How many culprits a check names before it only counts the rest.
NAMED = 5
#: Median length in mm from ankle over hip to joint 10, bone by bone, that a person can have.
STATURE_MM = (900.0, 2200.0)
#: Sine of a knee's angle below which its bend says nothing about left and right.
STRAIGHT = 0.05
#: Agreement of knees and hips, between -1 and 1, that is too near 0 to tell left from right: exchanging them only
#: turns its sign, and generated motion bends knees both ways. Real motion is far from it: every clip of HDM05, CMU,
#: OpenBiomechanics and the embedded set agrees by 0.63 or more.
UNDECIDED = 0.25


def run_checks(adapter: Adapter, dataset: Dataset) -> list[Check]:
    """All checks of a prepared store: the general ones, then those of its adapter.

    Raises `UsageError` when the store is not this adapter's.
    """
    if dataset.name != adapter.name:
        raise UsageError(f"The store holds {dataset.name!r}, not {adapter.name!r}; verify it under its own name.")
    general = [
        check_store(adapter, dataset),
        check_finite(dataset),
        check_stature(dataset),
        check_left_right(dataset),
    ]
    if dataset.truth != IMAGE25D:
        general.append(check_in_front(dataset))
    return general + adapter.verify(dataset)


def check_store(adapter: Adapter, dataset: Dataset) -> Check:
    """The bytes on disk are those that were prepared, by this version of the adapter."""
    found = dataset.compute_fingerprint()
    if dataset.version != adapter.version:
        text = f"prepared by version {dataset.version} of the adapter, which is now {adapter.version}; prepare it again"
        return Check("store", False, text)
    if found != dataset.fingerprint:
        text = f"fingerprint {found[:12]} is not {dataset.fingerprint[:12]} as prepared; delete and prepare it again"
        return Check("store", False, text)
    return Check("store", True, f"version {dataset.version}, fingerprint {found}")


def check_finite(dataset: Dataset) -> Check:
    """Every number is finite, or all three of a joint are NaN: a missing joint."""
    faults, joints = [], 0
    for clip, world in worlds(dataset):
        sound = np.isfinite(world).all(axis=-1) | np.isnan(world).all(axis=-1)
        joints += sound.size
        faults += _first_joint(dataset, clip, np.asarray(~sound), "is not finite")
    return _check("finite", faults, f"{joints} joints")


def check_complete(dataset: Dataset) -> Check:
    """No joint is missing, for data that always has them all."""
    faults: list[str] = []
    for clip, world in worlds(dataset):
        faults += _first_joint(dataset, clip, np.asarray(np.isnan(world).any(axis=-1)), "is missing")
    return _check("complete", faults, "no joint is missing")


def check_stature(dataset: Dataset) -> Check:
    """A person is as long as a person: names clips with a wrong scale.

    The length is that of the bones from the ankles to joint 10, so it holds in any posture.
    """
    chain = HUMAN36M_17.indices(("Hip", "Spine", "Thorax", "Neck/Nose", "Head"))
    legs = [HUMAN36M_17.indices((f"{side}Hip", f"{side}Knee", f"{side}Foot")) for side in "LR"]
    faults, lengths = [], []
    for clip, world in _as_human36m(dataset):
        stature = _path_length(world, chain) + sum(_path_length(world, leg) for leg in legs) / 2
        if not np.isfinite(stature).any():
            continue
        length = float(np.nanmedian(stature))
        lengths.append(length)
        if not STATURE_MM[0] <= length <= STATURE_MM[1]:
            faults.append(f"{clip}: {length:.4g} mm from ankle to head")
    return _check("stature", faults, f"ankle to head {_span(lengths)}")


def check_heights(dataset: Dataset, low: float, high: float) -> Check:
    """95th percentile over a clip of joint 10 above the lower ankle, between `low` and `high` mm, named by clip.

    For data in which everybody stands upright at some time of every clip.
    """
    head = dataset.skeleton.joints.index("Head")
    ankles = dataset.skeleton.indices(("LFoot", "RFoot"))
    faults, heights = [], []
    for clip, world in worlds(dataset):
        above = world[:, head, 2] - world[:, list(ankles), 2].min(axis=1)
        height = float(np.percentile(above[np.isfinite(above)], 95)) if np.isfinite(above).any() else float("nan")
        heights.append(height)
        if not low <= height <= high:
            faults.append(f"{clip}: {height:.0f} mm")
    return _check("height", faults, f"joint 10 above the lower ankle {_span(heights)}, within {low:.0f} .. {high:.0f}")


def check_left_right(dataset: Dataset) -> Check:
    """Left is left, told from the anatomy: knees bend backwards, and shoulders lie over hips.

    Thigh x shin points to a person's left whenever a knee is bent, standing,
    sitting or lying. Summed over a clip, weighted by the bend, it must agree
    with the direction from right to left hip; the shoulders must mostly point
    the same way. So a clip is named whose left and right are swapped, in all
    the body or in legs or arms alone, or which is mirrored.
    """
    joint = {name: i for i, name in enumerate(HUMAN36M_17.joints)}
    faults: list[str] = []
    told_by: list[float] = []
    untold = 0
    for clip, world in _as_human36m(dataset):
        across = _unit(world[:, joint["LHip"]] - world[:, joint["RHip"]])
        bends = []
        for side in "LR":
            hip, knee, ankle = (world[:, joint[side + name]] for name in ("Hip", "Knee", "Foot"))
            bends.append(np.cross(_unit(knee - hip), _unit(ankle - knee)))
        bend = np.stack(bends)
        size = np.linalg.norm(bend, axis=-1)
        told = np.isfinite(size) & np.isfinite(across).all(axis=-1) & (size > STRAIGHT)
        shoulders = (_unit(world[:, joint["LShoulder"]] - world[:, joint["RShoulder"]]) * across).sum(axis=-1)
        shoulders = shoulders[np.isfinite(shoulders)]
        agreement = float((bend * across).sum(axis=-1)[told].sum() / size[told].sum()) if told.any() else None
        if agreement is None or abs(agreement) < UNDECIDED:
            untold += 1
        else:
            told_by.append(agreement)
        if agreement is not None and agreement <= -UNDECIDED:
            faults.append(f"{clip}: the knees bend as if left and right were swapped ({agreement:.2f})")
        elif len(shoulders) and np.median(shoulders) < 0:
            faults.append(f"{clip}: left and right shoulder are swapped against the hips")
    text = (
        f"knees agree with hips by {min(told_by):.2f} or more" if told_by else "no knees tell, shoulders and hips agree"
    )
    text += f"; {untold} clips whose knees do not tell" if told_by and untold else ""
    return _check("left and right", faults, text)


def check_in_front(dataset: Dataset) -> Check:
    """Every joint that is there is in front of each of the clip's cameras."""
    faults, nearest = [], float("inf")
    for split in dataset.splits:
        for info in dataset.sequences(split):
            depth = world_to_camera(_placed(dataset, info), dataset.camera(info))[..., 2]
            depth = depth[np.isfinite(depth)]
            if len(depth):
                nearest = min(nearest, float(depth.min()))
                if depth.min() <= 0:
                    faults.append(f"{info.id}: a joint {-depth.min():.0f} mm behind the camera")
    return _check("in front", faults, f"nearest joint at {nearest:.0f} mm")


def check_inside_image(dataset: Dataset, share: float) -> Check:
    """All joints are in the image in at least this share of each sequence's frames."""
    faults, lowest = [], 1.0
    for split in dataset.splits:
        for info in dataset.sequences(split):
            found = float(inside_image(_placed(dataset, info), dataset.camera(info)).mean())
            lowest = min(lowest, found)
            if found < share:
                faults.append(f"{info.id}: only {100 * found:.2f} % of frames")
    return _check("inside image", faults, f"all joints in view in {100 * lowest:.2f} % of frames or more")


def check_bones(
    dataset: Dataset,
    deviation: Mapping[str, float],
    rigid: float,
    ranges: Mapping[str, tuple[float, float]],
) -> Check:
    """Bones keep their length, and have a plausible one; a fault names the clip and the bone.

    `rigid` is the standard deviation in mm that a bone may have within a clip,
    and by which its mean in a clip may differ from the subject's median clip;
    `deviation` replaces it for bones named by their lower joint. `ranges`, by
    the same names, bounds the mean length in mm.
    """
    joints = dataset.skeleton.joints
    bones = [
        (joints[child], f"{joints[parent]}-{joints[child]}", parent, child) for parent, child in dataset.skeleton.bones
    ]
    faults: list[str] = []
    worst: dict[str, float] = {}
    means: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for clip, world in worlds(dataset):
        for name, bone, parent, child in bones:
            lengths = np.linalg.norm(world[:, child] - world[:, parent], axis=-1)
            lengths = lengths[np.isfinite(lengths)]
            if not len(lengths):
                continue
            mean, spread = float(lengths.mean()), float(lengths.std())
            worst[bone] = max(worst.get(bone, 0.0), spread)
            means.setdefault((clip.split("/")[0], name), []).append((clip, mean))
            low, high = ranges.get(name, (0.0, float("inf")))
            if spread > deviation.get(name, rigid):
                faults.append(f"{clip}: {bone} varies by {spread:.2f} mm (limit {deviation.get(name, rigid):g})")
            elif not low <= mean <= high:
                faults.append(f"{clip}: {bone} is {mean:.0f} mm long, not {low:.0f} .. {high:.0f}")
    for name, bone, _, _ in bones:
        # Where the length may vary, a clip's mean moves with its postures, and says nothing about its bones.
        if name in deviation:
            continue
        for (_, of), found in means.items():
            usual = float(np.median([mean for _, mean in found]))
            if of == name:
                faults += [
                    f"{clip}: {bone} is {mean:.1f} mm long, in the subject's other clips {usual:.1f}"
                    for clip, mean in found
                    if abs(mean - usual) > rigid
                ]
    varying = ", ".join(
        f"{bone} {worst[bone]:.2f}" for name, bone, _, _ in bones if name in deviation and bone in worst
    )
    others = max((worst[bone] for name, bone, _, _ in bones if name not in deviation and bone in worst), default=0.0)
    return _check(
        "bones",
        faults,
        f"largest standard deviation within a clip {others:.3f} mm" + (f"; {varying} mm" if varying else ""),
    )


def check_frame_counts(dataset: Dataset, expected: Mapping[str, int]) -> Check:
    """Splits have the documented number of camera-independent frames; others are only reported."""
    found: dict[str, int] = {}
    clips: dict[str, int] = {}
    for split, _, frames in _clips(dataset):
        found[split] = found.get(split, 0) + frames
        clips[split] = clips.get(split, 0) + 1
    faults = [
        f"{split} has {found.get(split, 0)} frames in {clips.get(split, 0)} clips, not {frames} frames"
        for split, frames in expected.items()
        if found.get(split, 0) != frames
    ]
    return _check(
        "frames", faults, ", ".join(f"{split} {found[split]} in {clips[split]} clips" for split in sorted(found))
    )


def check_speeds(dataset: Dataset, limit: float, known: Mapping[str, str]) -> Check:
    """No joint moves faster than `limit` m/s; a fault names clip, joint and frame.

    `known` maps clip ids to a documented defect of the owner's files: they are
    reported beside the result and do not fail the check.
    """
    faults, reported, fastest = [], [], 0.0
    for clip, world in worlds(dataset):
        speed = np.linalg.norm(np.diff(world.astype(np.float64), axis=0), axis=-1) * dataset.fps / 1000
        speed = np.where(np.isfinite(speed), speed, 0.0)
        if not speed.size:
            continue
        frame, joint = np.unravel_index(int(speed.argmax()), speed.shape)
        top = float(speed[frame, joint])
        if top <= limit:
            fastest = max(fastest, top)
            continue
        text = f"{clip}: {dataset.skeleton.joints[joint]} at {top:.1f} m/s after frame {frame}"
        if clip in known:
            reported.append(f"{text} ({known[clip]})")
        else:
            faults.append(text)
    detail = f"fastest joint {fastest:.1f} m/s" + "".join(f"; known: {text}" for text in reported)
    return _check("speeds", faults, detail)


def worlds(dataset: Dataset) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
    """Every clip once, by id, with its poses in world mm, float64 (frames, joints, 3).

    Where only camera space is known it is every sequence, by its id, in camera
    mm: all that does not ask where up is can be checked there as well.
    """
    seen = set()
    for info in dataset.sequences("all"):
        world = dataset.world(info.clip_id)
        if world is None:
            yield info.id, dataset.read(info).poses.astype(np.float64)
        elif info.clip_id not in seen:
            seen.add(info.clip_id)
            yield info.clip_id, world.astype(np.float64)


def _as_human36m(dataset: Dataset) -> Iterator[tuple[str, Array]]:
    """`worlds` in the joints of Human3.6M, which anatomical checks name."""
    for clip, poses in worlds(dataset):
        yield clip, convert_joints(poses, dataset.skeleton, HUMAN36M_17)


def _placed(dataset: Dataset, info: SequenceInfo) -> Array:
    """Poses in the space that the sequence's camera stands in: the world, or the camera's own."""
    world = dataset.world(info.clip_id)
    return dataset.read(info).poses if world is None else world


def _clips(dataset: Dataset) -> list[tuple[str, str, int]]:
    """Split, clip id and frames of every clip, sorted by id; a clip seen by four cameras is there once."""
    found = {(info.clip_id, split, info.frames) for split in dataset.splits for info in dataset.sequences(split)}
    return [(split, clip, frames) for clip, split, frames in sorted(found)]


def _first_joint(dataset: Dataset, clip: str, broken: npt.NDArray[np.bool_], what: str) -> list[str]:
    """The first joint of a clip that (frames, joints) `broken` marks, as a list of no or one fault."""
    if not broken.any():
        return []
    frame, joint = np.argwhere(broken)[0]
    return [f"{clip}: {dataset.skeleton.joints[joint]} in frame {frame} {what}"]


def _path_length(world: Array, joints: Iterable[int]) -> Array:
    lengths: Array = np.linalg.norm(np.diff(world[:, list(joints)], axis=1), axis=-1).sum(axis=-1)
    return lengths


def _unit(vectors: Array) -> Array:
    """Unit vectors; a zero vector becomes NaN and is left out by the caller."""
    norm = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norm > 0, norm, np.nan)


def _span(values: list[float]) -> str:
    return f"{min(values):.0f} .. {max(values):.0f} mm" if values else "not measured, as no joint is there"


def _check(name: str, faults: list[str], detail: str) -> Check:
    """A check that passes without faults, and otherwise names the first few."""
    if not faults:
        return Check(name, True, detail)
    more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
    return Check(name, False, "; ".join(faults[:NAMED]) + more)
