"""From joint angles to the 17 joints of Human3.6M.

The body stands in its own frame: x forward, y left, z up, floor at z = 0, mm.
The trunk, head and arms are a forward chain of rigid segments from the
pelvis; each leg is the two-bone chain that reaches the given ankle, with the
knee towards the given side. Bone lengths are therefore constant whatever the
angles, and feet stay where an action puts them.
"""

from dataclasses import dataclass

import numpy as np

from posebench.datasets.procedural.anthropometry import Body
from posebench.datasets.procedural.arithmetic import Array, dot, sin_cos, soft_floor, unit

RIGHT, LEFT = 0, 1
#: A knee is never straighter than this share of the leg: about 4 degrees of flexion.
LONGEST_REACH = 0.9994


@dataclass(frozen=True)
class Motion:
    """All curves of a clip. Angles are degrees; axis 0 of the paired arrays is right, left.

    `pelvis` (frames, 3) mm is the middle of the hips; `pelvis_turn` (frames,
    3) is yaw to the left, forward tilt, and list (left hip up). `spine` and
    `neck` (frames, 3) are flexion, bend (left shoulder up) and twist to the
    left, relative to pelvis and trunk. `arms` (2, frames, 4) are shoulder
    flexion, abduction, inward rotation, and elbow flexion, all 0 with the arm
    hanging straight. `ankles` (2, frames, 3) mm; `toes` (2, frames) is the
    direction of foot and knee, yaw to the left.
    """

    pelvis: Array
    pelvis_turn: Array
    spine: Array
    neck: Array
    arms: Array
    ankles: Array
    toes: Array

    def mirrored(self) -> "Motion":
        """The same motion with left and right exchanged: a left-handed person's."""
        point, turn = np.array([1.0, -1.0, 1.0]), np.array([1.0, -1.0, -1.0])
        return Motion(
            pelvis=self.pelvis * point,
            pelvis_turn=self.pelvis_turn * np.array([-1.0, 1.0, -1.0]),
            spine=self.spine * turn,
            neck=self.neck * turn,
            arms=self.arms[::-1],
            ankles=self.ankles[::-1] * point,
            toes=-self.toes[::-1],
        )


@dataclass(frozen=True)
class Frame:
    """A segment's axes, each (frames, 3): x forward, y left, z up while standing."""

    x: Array
    y: Array
    z: Array

    def yaw(self, degrees: Array) -> "Frame":
        """Turned to the left about its own z."""
        s, c = _columns(degrees)
        return Frame(c * self.x + s * self.y, c * self.y - s * self.x, self.z)

    def pitch(self, degrees: Array) -> "Frame":
        """Tipped forward about its own y."""
        s, c = _columns(degrees)
        return Frame(c * self.x - s * self.z, self.y, c * self.z + s * self.x)

    def roll(self, degrees: Array) -> "Frame":
        """Tipped about its own x: the left side goes up."""
        s, c = _columns(degrees)
        return Frame(self.x, c * self.y + s * self.z, c * self.z - s * self.y)

    def at(self, forward: float, left: float, up: float) -> Array:
        """(frames, 3) offset of a point fixed in the segment, mm."""
        return (forward * self.x + left * self.y) + up * self.z


def _columns(degrees: Array) -> tuple[Array, Array]:
    s, c = sin_cos(degrees)
    return s[:, None], c[:, None]


def joints(body: Body, motion: Motion) -> Array:
    """(frames, 17, 3) mm in the body's frame, joints as `HUMAN36M_17`."""
    frames = len(motion.pelvis)
    world = Frame(*(np.tile(axis, (frames, 1)) for axis in np.eye(3)))
    yaw, tilt, lists = motion.pelvis_turn.T
    pelvis = world.yaw(yaw).pitch(tilt).roll(lists)
    # The lower and the upper half of the trunk take half of its flexion, bend and twist each; so do neck and head.
    lower = _bent(pelvis, 0.5 * motion.spine)
    upper = _bent(lower, 0.5 * motion.spine)
    neck = _bent(upper, 0.5 * motion.neck)
    head = _bent(neck, 0.5 * motion.neck)

    points: list[Array] = [motion.pelvis] * 17
    spine = motion.pelvis + lower.at(0.0, 0.0, body.lumbar)
    thorax = spine + upper.at(0.0, 0.0, body.thoracic)
    nose = thorax + neck.at(body.nose_forward, 0.0, body.nose_up)
    points[7:11] = [spine, thorax, nose, nose + head.at(-body.crown_back, 0.0, body.crown_up)]
    for side, first, shoulder_index in ((RIGHT, 1, 14), (LEFT, 4, 11)):
        sign = 1.0 if side == LEFT else -1.0
        hip = motion.pelvis + pelvis.at(0.0, sign * body.hip_half, 0.0)
        points[first : first + 3] = [hip, *_leg(body, hip, motion.ankles[side], motion.toes[side])]
        arm = _arm(body, thorax, upper, motion.arms[side], sign)
        points[shoulder_index : shoulder_index + 3] = arm
    return np.stack(points, axis=1)


def _bent(frame: Frame, angles: Array) -> Frame:
    """The frame after flexion, bend and twist, the columns of (frames, 3) degrees."""
    flexion, bend, twist = angles.T
    return frame.pitch(flexion).roll(bend).yaw(twist)


def _arm(body: Body, thorax: Array, trunk: Frame, angles: Array, sign: float) -> list[Array]:
    """Shoulder, elbow, wrist; the shoulder girdle follows a raised arm by a seventh of its elevation."""
    flexion, abduction, rotation, elbow = angles.T
    upper_arm = trunk.pitch(-flexion).roll(sign * abduction).yaw(-sign * rotation)
    # Elevation of the arm read from its own axis: 0 hanging, 1 overhead; no angle has to be taken back from it.
    elevation = 0.5 * (1.0 - dot(upper_arm.z, trunk.z)[:, 0])
    girdle = trunk.roll(sign * 25.0 * elevation)
    shoulder = thorax + girdle.at(0.0, sign * body.shoulder_half, -body.shoulder_drop)
    forearm = upper_arm.pitch(-elbow)
    elbow_point = shoulder + upper_arm.at(0.0, 0.0, -body.upper_arm)
    return [shoulder, elbow_point, elbow_point + forearm.at(0.0, 0.0, -body.forearm)]


def _leg(body: Body, hip: Array, ankle: Array, toes: Array) -> list[Array]:
    """Knee and ankle by the law of cosines; an ankle out of reach is drawn in smoothly."""
    s, c = sin_cos(toes)
    # Forward and up: perpendicular to the leg both when it hangs and when it is raised.
    towards = np.stack([c, s, np.full_like(c, 0.6)], axis=-1)
    wanted = ankle - hip
    direction = unit(wanted)
    longest = LONGEST_REACH * body.leg
    # A smooth minimum of the distance and the longest reach.
    distance = -soft_floor(-np.sqrt(dot(wanted, wanted)), -longest, 10.0)
    along = (body.thigh * body.thigh - body.shank * body.shank + distance * distance) / (2.0 * distance)
    aside = np.sqrt(body.thigh * body.thigh - along * along)
    bend = unit(towards - dot(towards, direction) * direction)
    return [hip + along * direction + aside * bend, hip + distance * direction]
