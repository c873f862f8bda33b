"""The ASF/AMC reader: positions against a naive kinematics, and one clear line for every kind of damage."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from asf_files import BONES, MOVING, amc_text, asf_text, motion, naive_ends, write

from posebench.datasets.asf_joints import JOINT_BONES, human36m_joints
from posebench.datasets.asfamc import Motion, bone_ends, read_amc, read_asf
from posebench.errors import DataDamagedError, DataMissingError
from posebench.skeletons import HUMAN36M_17

NAMES = tuple(bone[0] for bone in BONES)


def read(folder: Path, amc: str, asf: str | None = None) -> Motion:
    skeleton = read_asf(write(folder / "a.asf", asf or asf_text()))
    return read_amc(write(folder / "a.amc", amc), skeleton)


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_bone_ends_match_a_naive_forward_kinematics(tmp_path: Path, newline: str) -> None:
    frames = motion(7, walk=0.4)
    skeleton = read_asf(write(tmp_path / "a.asf", asf_text(newline=newline)))
    moved = read_amc(write(tmp_path / "a.amc", amc_text(frames, newline=newline)), skeleton)
    ends = bone_ends(skeleton, moved, NAMES)
    expected = np.array([[naive_ends(frame)[name] for name in NAMES] for frame in frames])
    np.testing.assert_allclose(ends, expected, atol=1e-9)
    np.testing.assert_array_equal(bone_ends(skeleton, moved, NAMES, step=3), ends[::3])


def test_the_17_joints_are_the_documented_bone_ends(tmp_path: Path) -> None:
    frames = motion(5)
    skeleton = read_asf(write(tmp_path / "a.asf", asf_text()))
    joints = human36m_joints(skeleton, read_amc(write(tmp_path / "a.amc", amc_text(frames)), skeleton), step=2)
    assert joints.shape == (3, 17, 3)
    for row, frame in zip(joints, frames[::2], strict=True):
        ends = naive_ends(frame)
        ends["hip"] = [(a + b) / 2 for a, b in zip(ends["lhipjoint"], ends["rhipjoint"], strict=True)]
        for i, name in enumerate(HUMAN36M_17.joints):
            np.testing.assert_allclose(row[i], ends[{**JOINT_BONES, "Hip": "hip"}[name]], atol=1e-9)


def test_units_and_axes(tmp_path: Path) -> None:
    frames = [{"root": [1.0, 2.0, 3.0, 0.0, 0.0, 0.0], **{name: [0.0] * count for name, count in MOVING}}]
    skeleton = read_asf(write(tmp_path / "a.asf", asf_text()))
    ends = bone_ends(
        skeleton, read_amc(write(tmp_path / "a.amc", amc_text(frames)), skeleton), ("lhipjoint", "rhipjoint")
    )
    inch = 25.4 / 0.45
    # At rest the person looks along file z, which is world -y; the left hip is at world +x, z is up.
    np.testing.assert_allclose(ends[0, 0], [(1 + 0.62 * 2.4) * inch, -(3 + 0.26 * 2.4) * inch, (2 - 0.74 * 2.4) * inch])
    assert ends[0, 0, 0] > ends[0, 1, 0]
    doubled = read_asf(write(tmp_path / "b.asf", asf_text().replace("length 0.45", "length 0.9")))
    assert doubled.unit_mm == pytest.approx(inch / 2)


def test_frames_of_a_cut_keep_their_numbers(tmp_path: Path) -> None:
    assert read(tmp_path, amc_text(motion(4), first=130)).frames == 4
    assert read(tmp_path, amc_text(motion(4)).rstrip("\r\n")).frames == 4


def edit(old: str, new: str, nth: int = 1) -> Callable[[str], str]:
    """A change of the n-th place at which `old` stands."""

    def change(text: str) -> str:
        parts = text.split(old)
        assert len(parts) > nth, old
        return old.join(parts[:nth]) + new + old.join(parts[nth:])

    return change


# A frame takes 30 lines after the three of the head: its number is on line 4 + 30 (n - 1).
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", r"line 1: it holds nothing"),
        (lambda text: text[:60], r"line 1: it holds no frame"),
        (edit(":DEGREES", ":RADIANS"), r"line 1: its head does not say :DEGREES"),
        (lambda text: text[: text.rindex("ltibia")], r"line \d+: frame 4 stops before 'ltibia'"),
        (lambda text: text[: text.index("upperback")], r"line 14: frame 1 stops before 'upperback'"),
        (
            edit("\r\nlradius ", "\r\nlradii ", 2),
            r"line 5\d: bone 'lradii' of frame 2 does not move in the skeleton a.asf",
        ),
        (edit("\r\nthorax ", "\r\nthorax 1.5 ", 3), r"line 7\d: bone 'thorax' of frame 3 has 4 values, not 3"),
        (
            edit("\r\nthorax ", "\r\nhead 0 0 0\r\nthorax ", 2),
            r"line \d+: bone 'head' of frame 2 stands where 'thorax'",
        ),
        (edit("\r\nthorax ", "\r\nroot 0 0 0 0 0 0\r\nthorax ", 2), r"line \d+: bone 'root' is there twice in frame 2"),
        (edit("\r\nrtibia ", "\r\nrtibia x", 2), r"line \d+: bone 'rtibia' of frame 2 has 'x[\d.]+' for a number"),
        (
            edit("\r\nrtibia ", "\r\nrtibia nan#", 2),
            r"line \d+: bone 'rtibia' of frame 2 has 'nan#[\d.]+' for a number",
        ),
        (edit("\r\nrtibia 15", "\r\nrtibia 1_5", 1), r"line \d+: bone 'rtibia' of frame 1 has '1_5.*' for a number"),
        (
            edit("\r\nrtibia 15", "\r\nrtibia 1e999", 1),
            r"line \d+: bone 'rtibia' of frame 1 has '1e999.*' for a number",
        ),
        (edit("\r\n3\r\n", "\r\n5\r\n"), r"line 64: frame 5 follows frame 2"),
        (edit("\r\n3\r\n", "\r\n"), r"line 64: bone 'root' is there twice in frame 2"),
    ],
)
def test_damaged_motion_names_its_line(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    frames = motion(4)
    for frame in frames:
        frame["rtibia"] = [15.25]
    with pytest.raises(DataDamagedError, match=message) as caught:
        read(tmp_path, change(amc_text(frames)))
    assert "a.amc" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_motion_of_another_layout_in_every_frame_is_refused(tmp_path: Path) -> None:
    frames = [{name: values for name, values in frame.items() if name != "lthumb"} for frame in motion(3)]
    with pytest.raises(DataDamagedError, match=r"line 33: frame 1 stops before 'lthumb'"):
        read(tmp_path, amc_text(frames))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "# a comment\r\n", r"line 1: it holds nothing"),
        (edit("  length 0.45\r\n", ""), r"ends without a unit of length"),
        (edit("length 0.45", "length 0"), r"line 6: the unit of length is 0"),
        (edit("angle deg", "angle rad"), r"line 7: angles are in 'rad'"),
        (
            edit("order TX TY TZ RX RY RZ", "order TX TY TZ RZ RY RX"),
            r"line 11: the root's order is 'TX TY TZ RZ RY RX'",
        ),
        (edit("position 0 0 0", "position 0 1 0"), r"line 13: the root's position is not 0 0 0"),
        (edit("     length 7.4 \r\n", ""), r"bone 'lfemur' has no length"),
        (edit("direction 0.34202", "direction 0.342O2"), r"'direction' needs 3 numbers, not '0.342O2 -0.939693 0'"),
        (edit("axis 0 0 20   XYZ", "axis 0 0 20   ZYX"), r"an axis needs three angles and the order XYZ"),
        (edit("dof rx ry rz", "dof rx ry tz"), r"degrees of freedom 'rx ry tz' are not some of rx ry rz"),
        (edit("name rtoes", "name ltoes"), r"bone 'ltoes' is there twice"),
        (edit("ltibia lfoot", "ltibia lfut"), r"hierarchy names a bone 'lfut' that has no data"),
        (edit("ltibia lfoot", "ltibia lfoot rfoot"), r"bone 'rfoot' has two parents"),
        (edit("    ltibia lfoot\r\n", ""), r"bone 'lfoot' does not hang on the root"),
        (lambda text: text[: text.index(":hierarchy")], r"ends before its bones and their hierarchy do"),
    ],
)
def test_damaged_skeleton_names_its_line(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    with pytest.raises(DataDamagedError, match=message) as caught:
        read_asf(write(tmp_path / "bad.asf", change(asf_text())))
    assert "bad.asf" in str(caught.value)
    assert "line" in str(caught.value)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match=r"a\.asf is not there"):
        read_asf(tmp_path / "a.asf")
    skeleton = read_asf(write(tmp_path / "a.asf", asf_text()))
    with pytest.raises(DataMissingError, match=r"a\.amc is not there"):
        read_amc(tmp_path / "a.amc", skeleton)
    with pytest.raises(DataDamagedError, match=r"a\.asf is damaged at line 1: its skeleton has no bone 'tail'"):
        bone_ends(skeleton, read_amc(write(tmp_path / "a.amc", amc_text(motion(2))), skeleton), ("tail",))
