"""3DPW: the official challenge on 24 SMPL joints, and the 14 regressed joints of the mesh community (protocols.md, W1 to W5)."""

from posebench.inputs.spec import STANDARD_GRANTS, InputsSpec
from posebench.protocols.protocol import ProtocolFamily, Scoring
from posebench.skeletons import HUMAN36M_17, SMPL_24

#: Joints 1 2 4 5 7 8 16-21 of SMPL: hips, knees, ankles, shoulders, elbows, wrists.
CHALLENGE_PCK = tuple(SMPL_24.joints[joint] for joint in (1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21))

#: SPIN's 14 joints in its order, by the names of the 17 that its regressor makes: ankle is Foot, neck Thorax.
SPIN_JOINTS = (
    "RFoot",
    "RKnee",
    "RHip",
    "LHip",
    "LKnee",
    "LFoot",
    "RWrist",
    "RElbow",
    "RShoulder",
    "LShoulder",
    "LElbow",
    "LWrist",
    "Thorax",
    "Head",
)

CHALLENGE_24 = Scoring(
    rule="challenge24",
    version=1,
    owner="the 3DPW challenge code (3dpw-eval): all 87 sequences pooled",
    skeleton=SMPL_24.name,
    truth="poses",
    joints=SMPL_24.joints,
    pck_joints=CHALLENGE_PCK,
    left_out=(),
    root="subtracted",
    repeats="first",
    aligned="pose",
    averaging="frames",
    group_weights=(),
    metrics=("mpjpe", "p_mpjpe", "pck50_inclusive", "auc_3dpw"),
    aggregates=("p-agg",),
)

SPIN_14 = Scoring(
    rule="spin14",
    version=1,
    owner="SPIN (eval.py): 14 joints regressed from the mesh, about the regressed pelvis, test sequences",
    skeleton=HUMAN36M_17.name,
    truth="poses",
    joints=SPIN_JOINTS,
    pck_joints=SPIN_JOINTS,
    left_out=(),
    root="subtracted",
    repeats="first",
    aligned="pose",
    averaging="frames",
    group_weights=(),
    metrics=("mpjpe", "p_mpjpe"),
    aggregates=("p-agg",),
)


def families() -> list[ProtocolFamily]:
    """`3dpw/challenge24` over all splits and `3dpw/spin14` over the test split of the regressed joints."""
    made = []
    for scoring, split, form in ((CHALLENGE_24, "all", ""), (SPIN_14, "test", "regressed17")):
        inputs = InputsSpec(
            dataset="3dpw",
            dataset_version="1",
            form=form,
            split=split,
            keep_every=1,
            frame_list="",
            source="gt",
            source_version="1",
            grants=STANDARD_GRANTS,
        )
        made.append(ProtocolFamily(f"3dpw/{scoring.rule}", inputs, scoring, {"gt": "1"}))
    return made
