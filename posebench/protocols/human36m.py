"""Human3.6M as the public codebases score it: VideoPose3D's rule and the named ways in which others differ.

Facts and sources: protocols.md, H1 to H20 and D1 to D9. Each variant changes
the fewest fields of VideoPose3D's value that make it the other codebase's.
"""

from dataclasses import replace

from posebench.inputs.spec import STANDARD_GRANTS, InputsSpec
from posebench.metrics.best_of import BEST_OF
from posebench.protocols.open_sets import PCK_14
from posebench.protocols.protocol import ProtocolFamily, Scoring
from posebench.skeletons import HUMAN36M_17

#: The 2D files in circulation, `data_2d_h36m_<name>.npz`, and `gt`; a file of another name is a source as well.
SOURCES = dict.fromkeys(("cpn_ft_h36m_dbb", "gt", "gt_npz", "detectron_ft_h36m", "sh_ft_h36m", "hrnet"), "1")

INPUTS = InputsSpec(
    dataset="human36m",
    dataset_version="1",
    form="",
    split="test",
    keep_every=1,
    frame_list="",
    source="cpn_ft_h36m_dbb",
    source_version="1",
    grants=STANDARD_GRANTS,
)

VIDEOPOSE3D = Scoring(
    rule="videopose3d",
    version=1,
    owner="VideoPose3D (Pavllo et al. 2019): run.py and common/loss.py",
    skeleton=HUMAN36M_17.name,
    truth="poses",
    joints=HUMAN36M_17.joints,
    pck_joints=PCK_14,
    left_out=(),
    root="as-predicted",
    repeats="first",
    aligned="pose",
    averaging="actions",
    group_weights=(),
    metrics=("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve"),
    aggregates=("p-agg",),
)

#: Takes with a shifted ground truth that MotionBERT's family and mmpose leave out (protocols.md, H5).
BLOCK_LIST = ("S9/Greeting/2", "S9/SittingDown/2", "S9/Waiting/1")

VARIANTS: tuple[Scoring, ...] = (
    VIDEOPOSE3D,
    replace(
        VIDEOPOSE3D,
        rule="zeroed-root",
        owner="MHFormer, P-STMO, STCFormer, HoT, FMPose3D: the predicted root is set to 0",
        root="zeroed",
    ),
    replace(
        VIDEOPOSE3D,
        rule="subtracted-root",
        owner="SemGCN, GraFormer, PoseAug, uplift, manipose, margipose, metrabs: the predicted root is subtracted",
        root="subtracted",
    ),
    replace(
        VIDEOPOSE3D,
        rule="mixste",
        owner="MixSTE, KTPFormer: frames of the overlapping last chunk count twice, velocities cross chunk borders",
        repeats="all",
    ),
    replace(
        VIDEOPOSE3D,
        rule="mmpose",
        owner="mmpose (keypoint_3d_metrics.py): all frames pooled, its skip list left out",
        averaging="frames",
        left_out=BLOCK_LIST,
        metrics=("mpjpe", "p_mpjpe", "n_mpjpe"),
    ),
    replace(
        VIDEOPOSE3D,
        rule="motionbert",
        owner="MotionBERT, MotionAGFormer, TCPFormer: against the 2.5D ground truth, block list left out",
        truth="image25d",
        root="subtracted",
        left_out=BLOCK_LIST,
        metrics=("mpjpe", "p_mpjpe"),
    ),
    replace(
        VIDEOPOSE3D,
        rule="joints16",
        owner="SemGCN, GraFormer, PoseAug, PoseBench3D: without Neck/Nose",
        joints=tuple(joint for joint in HUMAN36M_17.joints if joint != "Neck/Nose"),
    ),
    replace(
        VIDEOPOSE3D,
        rule="joints16-without-root",
        owner="the older pose-hg and temporal_3d lineage: the root is not averaged over",
        joints=HUMAN36M_17.joints[1:],
    ),
    replace(
        VIDEOPOSE3D,
        rule="d3dp",
        owner="D3DP (Shan et al. 2023): its four aggregations, the root set to 0, hypotheses aligned before one is chosen",
        root="zeroed",
        repeats="all",
        aligned="hypotheses",
        metrics=("mpjpe", "p_mpjpe"),
        aggregates=("p-agg", "j-agg", "p-best-batch", "j-best"),
    ),
)

#: Wehrbein et al. 2021 and those after them: every 64th frame, best hypothesis of every pose; the P-MPJPE has a best of its own.
BEST_OF_M = replace(
    VIDEOPOSE3D,
    rule="best-of-m",
    owner="Wehrbein et al. 2021, Holmquist and Wandt 2023: every 64th frame, best hypothesis of every pose",
    averaging="frames",
    root="zeroed",
    metrics=("mpjpe", "p_mpjpe", "pck150"),
    aggregates=("p-agg", "p-best", "p-best-aligned", *(f"p-best-{m}" for m in BEST_OF), "median", "worst"),
)

#: Wehrbein et al. 2021 on the ambiguous frames H36MA: those that the user's list names.
HARD = replace(
    BEST_OF_M,
    rule="hard",
    owner="Wehrbein et al. 2021: best-of-m on the ambiguous subset H36MA, by a list of its frames",
)


def families() -> list[ProtocolFamily]:
    """Every family `human36m/<rule>`."""
    # Its poses are in pixels scaled to mm: they have no depth of the root to grant.
    grants = tuple(privilege for privilege in STANDARD_GRANTS if privilege != "root_depth")
    image25d = replace(INPUTS, form="motionbert", source="sh_ft_h36m", grants=grants)
    inputs = {
        "motionbert": image25d,
        "best-of-m": replace(INPUTS, keep_every=64),
        "hard": replace(INPUTS, frame_list="h36ma"),
    }
    return [
        ProtocolFamily(f"human36m/{rule.rule}", inputs.get(rule.rule, INPUTS), rule, SOURCES, own_sources=True)
        for rule in (*VARIANTS, BEST_OF_M, HARD)
    ]
