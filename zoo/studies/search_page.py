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
    reference = search.trials[0]
    base = found.get(reference.configuration)
    labels = sorted({label for trial in found.values() for label in trial.errors})
    parts = [
        f"# {search.title}\n\n{search.summary}\n\nMade by `python -m zoo search {search.name} --tables` from the cards in "
        "`cards/` and nothing else. MPJPE in mm on the validation subjects, by data set and 2D source; `difference` is the "
        f"mean over these less that of `{reference.configuration}`, over those that both have, below 0 where the change "
        "is for the better. Minutes are of one thread.\n"
    ]
    headers = ["asks", "change", "parameters", "minutes", "difference", *labels]
    rows = [_row(trial, found.get(trial.configuration), base, labels) for trial in search.trials]
    parts.append(tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True) + "\n")
    if sampled is not None:
        parts.append(_sampling(sampled))
    return "\n".join(parts)


def _row(trial: Trial, found: Found | None, base: Found | None, labels: list[str]) -> list[str]:
    head = [trial.asks, trial.what]
    if found is None:
        return [*head, NOTHING, NOTHING, NOT_TRAINED, *[NOTHING] * len(labels)]
    cells = [f"{found.errors[label]:.1f}" if label in found.errors else NOTHING for label in labels]
    minutes = NOTHING if found.minutes is None else f"{found.minutes:.0f}"
    return [*head, f"{found.parameters:,}", minutes, _difference(found, base), *cells]


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
