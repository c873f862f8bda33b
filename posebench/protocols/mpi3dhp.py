"""MPI-INF-3DHP: the official evaluation against either ground truth, and the averages in use over its six sequences.

Facts and sources: protocols.md, M1 to M7. `official` is the plain mean of
TS1 to TS6, the average that D3DP and FinePOSE report; the official MATLAB code
itself prints one row a sequence, which every record holds, and one an activity.
"""

from dataclasses import replace

from posebench.inputs.spec import STANDARD_GRANTS, InputsSpec
from posebench.protocols.protocol import ProtocolFamily, Scoring
from posebench.skeletons import MPI_INF_3DHP_17

SOURCES = {"annot2": "1", "gt": "1"}

INPUTS = InputsSpec(
    dataset="mpi3dhp",
    dataset_version="1",
    form="",
    split="test",
    keep_every=1,
    frame_list="",
    source="annot2",
    source_version="1",
    grants=STANDARD_GRANTS,
)

#: Valid frames of the older release: the weights of P-STMO's spreadsheet, though its files hold 2,875 (protocols.md, M3).
COUNTS_2929 = (("TS1", 603), ("TS2", 540), ("TS3", 505), ("TS4", 553), ("TS5", 276), ("TS6", 452))

#: PCK and AUC of each of the official groups of joints.
BY_GROUP = tuple(
    f"{metric}_{group}"
    for metric in ("pck150", "auc")
    for group in ("head", "neck", "shou", "elbow", "wrist", "hip", "knee", "ankle")
)

OFFICIAL = Scoring(
    rule="official-annot3",
    version=1,
    owner="official MATLAB evaluation (mpii_evaluate_errors.m, mpii_compute_3d_pck.m), plain mean of TS1 to TS6",
    skeleton=MPI_INF_3DHP_17.name,
    truth="annot3",
    joints=MPI_INF_3DHP_17.joints,
    pck_joints=MPI_INF_3DHP_17.joints[:14],
    left_out=(),
    root="as-predicted",
    repeats="first",
    aligned="pose",
    averaging="clips",
    group_weights=(),
    metrics=("mpjpe", "pck150", "auc", *BY_GROUP),
    aggregates=("p-agg", "j-agg", "p-best", "j-best"),
)

UNIVERSAL = replace(OFFICIAL, rule="official-univ", truth="univ_annot3")

POOLED = "official errors, valid frames of all sequences pooled (mmpose, metrabs, manipose)"
ACTIVITIES = "official errors, mean of the seven activities (ZeDO)"

VARIANTS: tuple[Scoring, ...] = (
    OFFICIAL,
    UNIVERSAL,
    replace(OFFICIAL, rule="pooled-annot3", owner=POOLED, averaging="frames"),
    replace(UNIVERSAL, rule="pooled-univ", owner=POOLED, averaging="frames"),
    replace(OFFICIAL, rule="activities-annot3", owner=ACTIVITIES, averaging="actions"),
    replace(UNIVERSAL, rule="activities-univ", owner=ACTIVITIES, averaging="actions"),
    replace(
        UNIVERSAL,
        rule="pstmo2929",
        owner="P-STMO's spreadsheet: six sequences weighted by the older release's counts",
        group_weights=COUNTS_2929,
    ),
    replace(
        OFFICIAL,
        rule="joints17-annot3",
        owner="mmpose, ZeDO, manipose: PCK and AUC over 17 joints",
        pck_joints=MPI_INF_3DHP_17.joints,
    ),
    replace(
        OFFICIAL, rule="auc30-annot3", owner="AUC over 30 thresholds, without 0", metrics=("mpjpe", "pck150", "auc30")
    ),
)


#: The two ground truths differ by as much as papers do (protocols.md, M1): neither is shown alone.
BESIDE = {"official-annot3": ("mpi3dhp/official-univ",), "official-univ": ("mpi3dhp/official-annot3",)}


def families() -> list[ProtocolFamily]:
    """Every family `mpi3dhp/<rule>`."""
    return [
        ProtocolFamily(f"mpi3dhp/{rule.rule}", INPUTS, rule, SOURCES, beside=BESIDE.get(rule.rule, ()))
        for rule in VARIANTS
    ]
