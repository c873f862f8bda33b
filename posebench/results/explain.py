"""Why two numbers of the same predictions differ: each rule alone, and step by step from one protocol to another."""

from collections.abc import Callable
from dataclasses import dataclass

from posebench.datasets.store import Dataset
from posebench.errors import UsageError
from posebench.inputs.frames import wanted_frames
from posebench.inputs.missing import interpolate_missing
from posebench.inputs.sources import find_source
from posebench.metrics.table import METRICS
from posebench.prediction.folder import PredictionFolder
from posebench.protocols.headline import ScoredSequence, combine
from posebench.protocols.protocol import Protocol, Scoring
from posebench.protocols.resolve import find_family
from posebench.protocols.scoring import needs_keypoints, score_sequence
from posebench.protocols.variants import alternatives, default_path, path_between
from posebench.registry.decorators import PROTOCOLS

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Effect:
    """One change of the rule: its name, who scores like that, and per metric the value after it and the difference it made.

    Metrics are named as the rule before the first change has them: `auc`
    stands for whatever takes its place, such as AUC over 30 thresholds.
    """

    name: str
    who: str
    values: dict[str, float]
    differences: dict[str, float]


@dataclass(frozen=True)
class Explanation:
    """`start` are the numbers of the first protocol; `alone` changes it once each, `path` once after the other."""

    protocol: str
    target: str | None
    aggregate: str
    start: dict[str, float]
    alone: list[Effect]
    path: list[Effect]


def explain(
    folder: PredictionFolder,
    dataset: Dataset,
    protocol: Protocol,
    target: Protocol | None = None,
    progress: Progress | None = None,
) -> Explanation:
    """Score a folder under every rule that applies, reading each sequence once.

    With a `target` the path goes there, field by field; otherwise through the
    usual alternatives. Raises `UsageError` for a target of other inputs or
    metrics that have no counterpart.
    """
    start = protocol.scoring
    if target is not None and target.inputs.hash != folder.manifest.inputs.hash:
        raise UsageError(
            f"{target.id} has other inputs than these predictions; choose a rule of {folder.manifest.inputs.dataset}."
        )
    single = [(a.name, a.who, changed) for a, changed in alternatives(start, folder.manifest.tail)]
    single += _named_rules(folder, start)
    single = [entry for entry in single if _applies(folder, dataset, entry[2])]
    steps = default_path(start, folder.manifest.tail) if target is None else path_between(start, target.scoring)
    rules = [start, *(changed for *_, changed in single), *(changed for _, changed in steps)]
    scored = _score_all(folder, dataset, list(dict.fromkeys(rules)), progress)
    aggregate = start.aggregates[0]
    values = {rule: _slots(start, rule, scored[rule], aggregate) for rule in scored}
    path, before = [], values[start]
    for name, rule in steps:
        path.append(Effect(name, "", values[rule], _differences(before, values[rule])))
        before = {**before, **values[rule]}
    return Explanation(
        protocol=protocol.id,
        target=target.id if target else None,
        aggregate=aggregate,
        start=values[start],
        alone=[
            Effect(name, who, values[rule], _differences(values[start], values[rule])) for name, who, rule in single
        ],
        path=path,
    )


def _named_rules(folder: PredictionFolder, start: Scoring) -> list[tuple[str, str, Scoring]]:
    """The registered rules of the folder's data set whose inputs are the folder's: name, owner, value."""
    inputs = folder.manifest.inputs
    found = []
    for entry in PROTOCOLS.names(f"{inputs.dataset}/*"):
        family = find_family(entry)
        if (
            inputs.source in family.sources
            and family.with_source(inputs.source).inputs.hash == inputs.hash
            and family.scoring != start
        ):
            found.append((family.name, family.scoring.owner, family.scoring))
    return found


def _applies(folder: PredictionFolder, dataset: Dataset, rule: Scoring) -> bool:
    """Whether the rule has what it needs: another ground truth, say, or the space it scores."""
    made = folder.manifest
    item = wanted_frames(dataset, made.inputs, made.limit)[0]
    sequence = dataset.read(item.info)
    keypoints = find_source(made.inputs.source).read(sequence) if needs_keypoints(rule) else None
    if keypoints is not None:
        keypoints, _ = interpolate_missing(keypoints, item.info.id)
    try:
        score_sequence(
            rule, sequence, folder.read(item.info.id), item, space=made.space, tail=made.tail, keypoints=keypoints
        )
    except UsageError:
        return False
    return True


def _score_all(
    folder: PredictionFolder, dataset: Dataset, rules: list[Scoring], progress: Progress | None
) -> dict[Scoring, dict[str, dict[str, float]]]:
    made = folder.manifest
    rows: dict[Scoring, list[ScoredSequence]] = {rule: [] for rule in rules}
    wanted = wanted_frames(dataset, made.inputs, made.limit)
    for done, item in enumerate(wanted, start=1):
        sequence, prediction = dataset.read(item.info), folder.read(item.info.id)
        keypoints = None
        if prediction.poses.shape[0] > 1 and any(needs_keypoints(rule) for rule in rules):
            keypoints, _ = interpolate_missing(find_source(made.inputs.source).read(sequence), item.info.id)
        for rule in rules:
            if item.info.id.rpartition("/")[0] in rule.left_out:
                continue
            statistics = score_sequence(
                rule, sequence, prediction, item, space=made.space, tail=made.tail, keypoints=keypoints
            )
            rows[rule].append(ScoredSequence(item.info.id, item.info.clip, statistics))
        if progress:
            progress(done, len(wanted))
    return {rule: combine(rule, scored).overall for rule, scored in rows.items()}


def _slots(start: Scoring, rule: Scoring, numbers: dict[str, dict[str, float]], aggregate: str) -> dict[str, float]:
    """The numbers of a rule under the names of the first rule's metrics: the same place, or the same name."""
    own = numbers.get(aggregate, {})
    values: dict[str, float] = {}
    for place, metric in enumerate(start.metrics):
        same_place = rule.metrics[place] if len(rule.metrics) == len(start.metrics) else metric
        found = metric if metric in own else same_place
        if found in own and METRICS[metric].shown:
            values[metric] = own[found]
    return values


def _differences(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {metric: value - before[metric] for metric, value in after.items() if metric in before}
