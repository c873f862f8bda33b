"""The rules of the open data sets (procedural, HDM05 and others): posebench's own, made of published parts.

`standard`: Human3.6M's averaging and root rule as VideoPose3D has them; PCK and AUC as the official evaluation of
MPI-INF-3DHP, its 14 joints mapped by name. `best-of-m`: what many hypotheses are worth, one by one and together.
"""

from dataclasses import replace

from posebench.inputs.spec import STANDARD_GRANTS, InputsSpec
from posebench.inputs.stored import VERSION as STORED_VERSION
from posebench.metrics.best_of import BEST_OF
from posebench.metrics.samples import SAMPLE_METRICS
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

#: Neighbouring frames of 50 or 60 Hz tell little that is new, and many hypotheses of each cost a lot.
EVERY = 8

OPEN_BEST_OF_M = replace(
    OPEN_SCORING,
    rule="best-of-m",
    owner="posebench: best hypothesis of every pose as Wehrbein et al. 2021, of every 8th frame; hypotheses as samples",
    root="zeroed",
    averaging="frames",
    metrics=("mpjpe", "p_mpjpe", "pck150"),
    aggregates=("p-agg", "j-agg", "p-best", "p-best-aligned", *(f"p-best-{m}" for m in BEST_OF), "median", "worst"),
    samples=tuple(SAMPLE_METRICS),
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


def open_best_of_m(
    dataset: str, default_source: str, *, stored: tuple[str, ...] = (), own_sources: bool = False
) -> ProtocolFamily:
    """The family `dataset/best-of-m`: every 8th frame of the test split, for lifters of many hypotheses; sources as `open_standard`."""
    rule = OPEN_BEST_OF_M.rule
    family = open_standard(dataset, default_source, rule=rule, stored=stored, own_sources=own_sources)
    return replace(family, inputs=replace(family.inputs, keep_every=EVERY), scoring=OPEN_BEST_OF_M)


TRANSFER = replace(
    OPEN_SCORING,
    rule="transfer",
    owner="posebench: as standard, of every 8th frame, the mean of the hypotheses alone",
    metrics=("mpjpe", "p_mpjpe", "n_mpjpe"),
    aggregates=("p-agg",),
)


def open_transfer(dataset: str, form: str = "", split: str = "test") -> ProtocolFamily:
    """The family `dataset/transfer`, or `dataset/transfer-<form>` of another form: what the same motion costs in another view."""
    rule = f"{TRANSFER.rule}-{form}" if form else TRANSFER.rule
    family = open_standard(dataset, "simulated", rule=rule, form=form, split=split)
    return replace(family, inputs=replace(family.inputs, keep_every=EVERY), scoring=replace(TRANSFER, rule=rule))


def open_rules(
    dataset: str, default_source: str, *, stored: tuple[str, ...] = (), own_sources: bool = False
) -> list[ProtocolFamily]:
    """Both rules of an open data set."""
    return [
        open_standard(dataset, default_source, stored=stored, own_sources=own_sources),
        open_best_of_m(dataset, default_source, stored=stored, own_sources=own_sources),
    ]
