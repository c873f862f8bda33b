"""The page of a study of transfer, a pure function of its committed records: what each lifter loses, and who loses less.

A loss is the error under another protocol less that under the base. Where both show the same clips they are drawn
together (`intervals.py`), so that an interval is about the change and not about the clips; clips of another data set are
drawn for themselves. Losses of two lifters are always drawn on the same clips.
"""

from pathlib import Path

from tabulate import tabulate

from posebench.errors import CheckFailedError
from posebench.files import write_text
from posebench.results.record import Record
from zoo.studies.intervals import DRAWS, MIDDLE, SEED, ClipSums, Drawn, clip_sums, draw, interval
from zoo.studies.transfer import Comparison, Evidence, Other, Row, Transfer, TransferRun, read_transfer_evidence

PAGE = "transfer.md"
METRIC = "mpjpe"
NOTHING, NOT_EVALUATED = "–", "not evaluated yet"
HEADERS = ("lifter", "granted", "base (mm)", "here (mm)", "loss (mm)", "loss (%)")


def build(study: Transfer, folder: Path) -> Path:
    """Write the page; returns where."""
    write_text(folder / PAGE, render(study, read_transfer_evidence(study, folder)))
    return folder / PAGE


def check(study: Transfer, folder: Path) -> int:
    """Compare the committed page with the records; returns how many there are. Raises `CheckFailedError`."""
    evidence = read_transfer_evidence(study, folder)
    path = folder / PAGE
    if not path.is_file() or path.read_text(encoding="utf-8") != render(study, evidence):
        raise CheckFailedError(f"{path} is not what its records give; run `python -m zoo transfer --tables`.")
    return len(evidence)


def render(study: Transfer, evidence: Evidence) -> str:
    """The page."""
    parts = [
        f"# {study.title}\n\n{study.summary}\n\nMade by `python -m zoo transfer --tables` from the records in `records/` and "
        "nothing else. MPJPE in mm of the mean of the hypotheses, which no true pose has chosen. A loss is the error here less "
        f"that of the same lifter under the base; the last two columns are that loss less `{study.reference}`'s, below 0 where "
        f"this lifter loses less. In brackets what the middle {MIDDLE[1] - MIDDLE[0]:g} % of {DRAWS:,} bootstrap draws (seed "
        f"{SEED}) of the clips give, drawn within each action and for all lifters alike (`zoo/studies/intervals.py`). It holds "
        "for these trained weights and these people.\n"
    ]
    rows = [[row.name, row.model, row.what, _sampled(row)] for row in study.rows]
    parts.append(f"## Lifters\n\n{_table(rows, ['name', 'tag', 'what it is', 'hypotheses, steps'])}")
    for comparison in study.comparisons:
        parts.append(f"## {comparison.title}\n\nBase: `{comparison.base_id}`.\n")
        parts += [_other(study, evidence, comparison, other) for other in comparison.others]
    return "\n".join(parts)


def _other(study: Transfer, evidence: Evidence, comparison: Comparison, other: Other) -> str:
    lines = []
    reference = _losses(evidence, study.row(study.reference), comparison, other)
    for row in study.rows:
        losses = _losses(evidence, row, comparison, other)
        if losses is None:
            lines.append([row.name, NOT_EVALUATED, *[NOTHING] * (len(HEADERS))])
            continue
        base, here = losses
        loss, share = here - base, 100 * ((here - base) / base)
        cells = [row.name, _granted(evidence, row, other), f"{base.value:.1f}", f"{here.value:.1f}"]
        cells += [_shown(loss), _shown(share)]
        if reference is None or row.name == study.reference:
            cells += [NOTHING] * 2
        else:
            base, here = reference
            cells += [_shown(loss - (here - base)), _shown(share - 100 * ((here - base) / base))]
        lines.append(cells)
    than = f"less {study.reference}'s"
    return f"### {other.id}: {other.what}\n\n{_table(lines, [*HEADERS, f'{than} (mm)', f'{than} (points)'])}"


def _losses(evidence: Evidence, row: Row, comparison: Comparison, other: Other) -> tuple[Drawn, Drawn] | None:
    """The errors of a row under the base and here, draw by draw; None without both records."""
    records = [evidence.get(TransferRun(row.name, protocol)) for protocol in (comparison.base_id, other.id)]
    base, here = (None if record is None else draw(_sums(record)) for record in records)
    return None if base is None or here is None else (base, here)


def _sums(record: Record) -> ClipSums:
    return clip_sums(record, METRIC)


def _granted(evidence: Evidence, row: Row, other: Other) -> str:
    return ", ".join(evidence[TransferRun(row.name, other.id)].run.granted) or NOTHING


def _sampled(row: Row) -> str:
    return NOTHING if row.hypotheses is None else f"H={row.hypotheses}, K={row.steps}"


def _shown(drawn: Drawn) -> str:
    ends = interval(drawn)
    return (
        f"{drawn.value:+.1f} (too few clips)"
        if ends is None
        else f"{drawn.value:+.1f} [{ends[0]:+.1f}, {ends[1]:+.1f}]"
    )


def _table(lines: list[list[str]], headers: list[str]) -> str:
    return tabulate(lines, headers=headers, tablefmt="github", disable_numparse=True) + "\n"
