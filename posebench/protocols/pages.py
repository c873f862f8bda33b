"""A protocol's page, generated from its value: `docs/protocols/` holds nothing that the code does not say."""

from posebench.metrics.hypotheses import AGGREGATES, AssistedAggregate, HonestAggregate
from posebench.metrics.samples import PLACED, SAMPLE_METRICS, SAMPLES
from posebench.metrics.table import METRICS
from posebench.prediction.spec import ASSISTING
from posebench.protocols.protocol import ProtocolFamily, Scoring
from posebench.registry.decorators import DATASETS

_ROOT = {
    "as-predicted": "the true root is the origin; the predicted root is left as it is and counts like any joint",
    "zeroed": "the true root is the origin; the predicted root is set to it and contributes 0",
    "subtracted": "the true root is the origin; the predicted root is subtracted from all predicted joints",
}
_ALIGNED = {
    "pose": "the pose that is scored is aligned to the truth",
    "hypotheses": "every hypothesis is aligned before one is chosen; the mean is aligned after",
}
_AVERAGING = {
    "actions": "frames are averaged within an action, then the actions are averaged",
    "clips": "frames are averaged within a clip (a test sequence), then the clips are averaged",
    "frames": "all frames are pooled",
}
_REPEATS = {
    "first": "a frame that is predicted twice counts once, by its first prediction",
    "all": "every prediction of a frame counts, so frames of overlapping chunks count twice",
}


def _column(name: str) -> str:
    aggregate = AGGREGATES[name]
    if isinstance(aggregate, HonestAggregate):
        return "honest (assisted if the lifter was granted a true lens, root or label)"
    return "assisted" if isinstance(aggregate, AssistedAggregate) else "oracle"


def protocol_page(family: ProtocolFamily) -> str:
    """Markdown of a family: whose rule it is, both halves, hashes, and what stands in which column."""
    inputs, scoring = family.inputs, family.scoring
    weights = ", ".join(f"{name} {weight}" for name, weight in scoring.group_weights)
    lines = [
        f"# {family.name}",
        "",
        f"Whose rule: {scoring.owner}.",
        "",
        f"Protocol id: `{family.with_source().id}` with its default 2D source.",
        "",
    ]
    if inputs.dataset not in DATASETS:
        lines += [
            f"No adapter for `{inputs.dataset}` is registered in this version: the rule stands, `run` has nothing to read.",
            "",
        ]
    lines += [
        "## Inputs",
        "",
        f"- data set `{inputs.dataset}` version {inputs.dataset_version}, split `{inputs.split}`",
        f"- frames: {'every one' if inputs.keep_every == 1 else f'every {inputs.keep_every}th'}"
        f"{f' of the list `{inputs.frame_list}`, which the user brings' if inputs.frame_list else ''}",
        f"- 2D sources: {', '.join(f'`{name}` version {version}' for name, version in family.sources.items())}",
        f"- privileges it grants to a lifter that declares them: {', '.join(inputs.grants)}"
        f" (assisting: {', '.join(sorted(ASSISTING.intersection(inputs.grants))) or 'none'})",
        f"- hash with the default source: `{inputs.hash}`",
        "",
        "## Scoring",
        "",
        f"- joint set `{scoring.skeleton}`, ground truth `{scoring.truth}`",
        f"- errors over {len(scoring.joints)} joints: {', '.join(scoring.joints)}",
        f"- PCK and AUC over {len(scoring.pck_joints)} joints: {', '.join(scoring.pck_joints)}",
        f"- root: {_ROOT[scoring.root]}",
        f"- repeated frames: {_REPEATS[scoring.repeats]}",
        f"- P-MPJPE: {_ALIGNED[scoring.aligned]}",
        f"- averaging: {_AVERAGING[scoring.averaging]}{f', weighted: {weights}' if weights else ''}",
    ]
    if scoring.left_out:
        lines.append(f"- clips left out: {', '.join(f'`{clip}`' for clip in scoring.left_out)}")
    lines += [f"- hash: `{scoring.hash}`", "", "| metric | unit | better |", "| --- | --- | --- |"]
    for name in scoring.metrics:
        metric = METRICS[name]
        lines.append(
            f"| {metric.title} (`{name}`) | {metric.unit} | {'lower' if metric.lower_is_better else 'higher'} |"
        )
    lines += ["", "| hypotheses become one pose by | column |", "| --- | --- |"]
    lines += [f"| `{name}`: {AGGREGATES[name].title} | {_column(name)} |" for name in scoring.aggregates]
    if scoring.samples:
        lines += _samples(scoring)
    return "\n".join([*lines, ""])


def _samples(scoring: Scoring) -> list[str]:
    """What is said of all hypotheses together."""
    better = {True: "lower", False: "higher", None: "–"}
    lines = ["", "## Hypotheses as samples", "", "| metric of all hypotheses | unit | better | what it is |"]
    lines.append("| --- | --- | --- | --- |")
    for metric in (SAMPLE_METRICS[name] for name in scoring.samples):
        lines.append(
            f"| {metric.title} (`{metric.name}`) | {metric.unit or '–'} | {better[metric.lower_is_better]} | {metric.what} |"
        )
    lines += [
        "",
        f"They stand under `{SAMPLES}`: honest, assisted if the lifter was granted a true lens, root or label. What needs a "
        "root and a lens is told there of a lifter that gives both, and of every lifter, with the true ones, under "
        f"`{PLACED}`: assisted. Weighted hypotheses are refused.",
    ]
    return lines


def index_page(families: list[ProtocolFamily]) -> str:
    """The front page of all families."""
    rows = [f"| [{f.name}]({f.name.replace('/', '-')}.md) | {f.scoring.owner} |" for f in families]
    return "\n".join(
        [
            "# Protocols",
            "",
            "Each page is generated from the protocol's value by `posebench leaderboard protocols`; a test fails when they differ.",
            "",
            "| protocol | whose rule |",
            "| --- | --- |",
            *rows,
            "",
        ]
    )


def render_pages(families: list[ProtocolFamily]) -> dict[str, str]:
    """File name to content of every page and the index."""
    pages = {f"{family.name.replace('/', '-')}.md": protocol_page(family) for family in families}
    return {"README.md": index_page(families), **pages}
