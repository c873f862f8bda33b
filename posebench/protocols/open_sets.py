"""The rule of the open data sets (procedural, HDM05 and others): posebench's own, made of published parts.

Human3.6M's averaging and root rule as VideoPose3D has them; PCK and AUC as the
official evaluation of MPI-INF-3DHP, its 14 joints mapped by name.
"""

from dataclasses import replace

from posebench.inputs.spec import STANDARD_GRANTS, InputsSpec
from posebench.inputs.stored import VERSION as STORED_VERSION
from posebench.protocols.protocol import ProtocolFamily, Scoring
from posebench.registry.decorators import DATASETS
from posebench.skeletons import HUMAN36M_17

#: MPI-INF-3DHP scores PCK and AUC on head top, neck, shoulders, elbows, wrists, hips, knees and ankles:
#: in Human3.6M's names all but Hip, Spine and Neck/Nose (`mpii_get_pck_auc_joint_groups.m`).
PCK_14 = tuple(joint for joint in HUMAN36M_17.joints if joint not in ("Hip", "Spine", "Neck/Nose"))

OPEN_SCORING = Scoring(
    rule="standard",
    version=1,
    owner="posebench: averaging and root rule of VideoPose3D, PCK and AUC rule of MPI-INF-3DHP",
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
    metrics=(
        "mpjpe",
        "p_mpjpe",
        "n_mpjpe",
        "mpjve",
        "accel",
        "mpjve_s",
        "accel_s",
        "pck150",
        "auc",
        "mrpe",
        "mpjpe_abs",
    ),
    aggregates=("p-agg", "j-agg", "p-best", "j-best"),
)


def open_standard(
    dataset: str,
    default_source: str,
    *,
    rule: str = "standard",
    form: str = "",
    split: str = "test",
    stored: tuple[str, ...] = (),
    own_sources: bool = False,
) -> ProtocolFamily:
    """The family `dataset/<rule>`: every frame of a split, any of the computed 2D sources and the `stored` ones.

    With `own_sources` the data set may store others under the names of the user's files.
    """
    from posebench.inputs.sources import COMPUTED

    sources = {name: source.version for name, source in COMPUTED.items()}
    sources |= dict.fromkeys(stored, STORED_VERSION)
    inputs = InputsSpec(
        dataset=dataset,
        dataset_version=DATASETS.get(dataset).make().version,
        form=form,
        split=split,
        keep_every=1,
        frame_list="",
        source=default_source,
        source_version=sources[default_source],
        grants=STANDARD_GRANTS,
    )
    return ProtocolFamily(f"{dataset}/{rule}", inputs, replace(OPEN_SCORING, rule=rule), sources, own_sources)
