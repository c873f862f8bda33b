"""The 17 Human3.6M joints in a VICON BodyBuilder skeleton, as HDM05 and the CMU data base have it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.datasets.asfamc import AsfSkeleton, Motion, bone_ends
from posebench.skeletons import HUMAN36M_17

#: The bone whose end is the joint. Hip has none: it is the middle of RHip and LHip.
#: The wrists are the ends of lwrist and rwrist: lradius and rradius end in the middle of the forearm.
JOINT_BONES = {
    "RHip": "rhipjoint",
    "RKnee": "rfemur",
    "RFoot": "rtibia",
    "LHip": "lhipjoint",
    "LKnee": "lfemur",
    "LFoot": "ltibia",
    "Spine": "lowerback",
    "Thorax": "thorax",
    "Neck/Nose": "lowerneck",
    "Head": "upperneck",
    "LShoulder": "lclavicle",
    "LElbow": "lhumerus",
    "LWrist": "lwrist",
    "RShoulder": "rclavicle",
    "RElbow": "rhumerus",
    "RWrist": "rwrist",
}

#: Plausible mean lengths in mm, named by the lower joint, for adults in this skeleton. They catch a joint taken
#: from the wrong bone: a forearm that ends at lradius would be a third too short.
BONE_RANGES_MM = {
    "RHip": (50.0, 150.0),
    "RKnee": (330.0, 520.0),
    "RFoot": (330.0, 540.0),
    "LHip": (50.0, 150.0),
    "LKnee": (330.0, 520.0),
    "LFoot": (330.0, 540.0),
    "Spine": (150.0, 300.0),
    "Thorax": (180.0, 340.0),
    "Neck/Nose": (60.0, 140.0),
    "Head": (60.0, 140.0),
    "LShoulder": (140.0, 300.0),
    "LElbow": (220.0, 360.0),
    "LWrist": (190.0, 360.0),
    "RShoulder": (140.0, 300.0),
    "RElbow": (220.0, 360.0),
    "RWrist": (190.0, 360.0),
}


def human36m_joints(skeleton: AsfSkeleton, motion: Motion, step: int) -> npt.NDArray[np.floating[Any]]:
    """(kept frames, 17, 3) world mm, z up; every `step`-th frame from the first. Raises as `bone_ends` does."""
    names = tuple(JOINT_BONES)
    ends = bone_ends(skeleton, motion, tuple(JOINT_BONES.values()), step)
    hip = (ends[:, names.index("RHip")] + ends[:, names.index("LHip")]) / 2
    joints = {"Hip": hip, **{name: ends[:, i] for i, name in enumerate(names)}}
    return np.stack([joints[name] for name in HUMAN36M_17.joints], axis=1)
