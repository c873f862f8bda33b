"""The page of a search, a pure function of its committed cards and of its errors over hypotheses and steps."""

from collections.abc import Mapping
from pathlib import Path

from tabulate import tabulate

from posebench.errors import CheckFailedError
from posebench.files import write_text
from zoo.studies.search import Found, Sampled, Search, Trial, read_found, read_sampled

PAGE = "search.md"
NOTHING, NOT_TRAINED = "–", "not trained yet"


def build(search: Search, folder: Path) -> Path:
    """Write the page; returns where."""
    write_text(folder / PAGE, _page(search, folder))
    return folder / PAGE


def check(search: Search, folder: Path) -> int:
    """Compare the committed page with the cards; returns how many there are. Raises `CheckFailedError`."""
    path = folder / PAGE
    if not path.is_file() or path.read_text(encoding="utf-8") != _page(search, folder):
        raise CheckFailedError(f"{path} is not what its cards give; run `python -m zoo search {search.name} --tables`.")
    return len(read_found(search, folder))


def _page(search: Search, folder: Path) -> str:
    return render(search, read_found(search, folder), read_sampled(search, folder))


def render(search: Search, found: Mapping[str, Found], sampled: Sampled | None) -> str:
    """The page."""
    labels = sorted({label for trial in found.values() for label in trial.errors})
    parts = [
        f"# {search.title}\n\n{search.summary}\n\nMade by `python -m zoo search {search.name} --tables` from the cards in "
        "`cards/` and nothing else. MPJPE in mm on the validation subjects, by data set and 2D source; `difference` is the "
        f"mean over these less that of the trial that `than` names, over those that both have, below 0 where the change is for "
        "the better. Minutes are of one thread.\n"
    ]
    headers = ["trial", "asks", "change", "than", "difference", "mean", *labels, "parameters", "minutes"]
    rows = [_row(search, trial, found, labels) for trial in search.trials]
    parts.append(tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True) + "\n")
    if sampled is not None:
        parts.append(_sampling(sampled))
    return "\n".join(parts)


def _row(search: Search, trial: Trial, found: Mapping[str, Found], labels: list[str]) -> list[str]:
    against, own = search.against(trial), found.get(trial.configuration)
    than = NOTHING if against == trial.configuration else _short(against)
    head = [_short(trial.configuration), trial.asks, trial.what, than]
    if own is None:
        return [*head, NOT_TRAINED, *[NOTHING] * (len(labels) + 3)]
    cells = [f"{own.errors[label]:.1f}" if label in own.errors else NOTHING for label in labels]
    minutes = NOTHING if own.minutes is None else f"{own.minutes:.0f}"
    mean = NOTHING if NOTHING in cells else f"{own.mean:.1f}"
    return [*head, _difference(own, found.get(against)), mean, *cells, f"{own.parameters:,}", minutes]


def _short(tag: str) -> str:
    return tag.split(".", 1)[-1].removeprefix("search_")


def _difference(found: Found, base: Found | None) -> str:
    if base is None or base is found:
        return NOTHING
    shared = found.errors.keys() & base.errors.keys()
    return f"{sum(found.errors[label] - base.errors[label] for label in shared) / len(shared):+.1f}"


def _sampling(sampled: Sampled) -> str:
    labels = sorted(sampled.rows[0].errors)
    rows = [
        [
            str(row.hypotheses),
            str(row.steps),
            f"{sum(row.errors.values()) / len(row.errors):.2f}",
            *(f"{row.errors[label]:.2f}" for label in labels),
        ]
        for row in sampled.rows
    ]
    table = tabulate(rows, headers=["hypotheses", "steps", "mean", *labels], tablefmt="github", disable_numparse=True)
    return (
        f"## Hypotheses and steps\n\nOf `{sampled.configuration}`, weights sha256 `{sampled.weights_sha256}`; the mean of the "
        f"hypotheses.\n\n{table}\n"
    )
