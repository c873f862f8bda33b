"""What a row's training data means for the data set it was scored on."""

from collections.abc import Iterable

from posebench.registry.manifest import TrainingSet
from posebench.results.record import Domain


def domain_of(trained_on: Iterable[TrainingSet] | None, dataset: str, split: str, fitted: bool) -> Domain:
    """`contaminated` if a part of what is scored was trained on, `in-domain` if another split was, else `cross-dataset`.

    `fitted` lifters learn from the data set's training split when they run.
    A lifter that learned from nothing is `untrained`; None, for weights of a
    user's own file, is `unknown`.
    """
    if trained_on is None:
        return "unknown"
    seen = {(item.dataset, part) for item in trained_on for part in item.split.split("+")}
    if fitted:
        seen.add((dataset, "train"))
    own = {part for name, part in seen if name == dataset}
    scored = set(split.split("+"))
    if own & scored or (own and "all" in own | scored):
        return "contaminated"
    if own:
        return "in-domain"
    return "cross-dataset" if seen else "untrained"
