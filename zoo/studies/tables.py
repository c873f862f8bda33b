"""The pages of a study, a pure function of its committed records."""

from itertools import zip_longest
from pathlib import Path

from tabulate import tabulate

from posebench.errors import CheckFailedError
from posebench.files import write_text
from posebench.leaderboard.tables import PSEUDO_TRUTH
from posebench.metrics.table import METRICS
from posebench.results.record import Record
from zoo.studies import curves
from zoo.studies.evidence import HONEST, Evidence, read_evidence
from zoo.studies.intervals import DRAWS, SEED, ClipSums, clip_sums, difference, mean
from zoo.studies.study import Group, Row, Study

PAGE, CURVES, PICTURE = "ablations.md", "curves.csv", "curves.png"
SHOWN = ("mpjpe", "p_mpjpe")

NOT_TRAINED, NOT_EVALUATED, NOTHING = "not trained yet", "not evaluated yet", "–"


def build(study: Study, folder: Path) -> list[Path]:
    """Write the pages, and the picture of the sweeps where there are records of them; returns what was written."""
    evidence = read_evidence(study, folder)
    written = []
    for name, text in render(study, evidence).items():
        write_text(folder / name, text)
        written.append(folder / name)
    if curves.points(study, evidence):
        curves.draw_curves(study, evidence, folder / PICTURE)
        written.append(folder / PICTURE)
    return written


def check(study: Study, folder: Path) -> int:
    """Compare the committed pages with the records; returns how many records there are.

    Raises `CheckFailedError` naming the first line that differs, and what
    `read_evidence` raises. A picture is only looked for: other versions of
    its library draw other bytes.
    """
    evidence = read_evidence(study, folder)
    again = f"run `python -m zoo study {study.name} --tables`"
    for name, want in render(study, evidence).items():
        path = folder / name
        have = path.read_text(encoding="utf-8") if path.is_file() else ""
        lines = zip_longest(have.splitlines(), want.splitlines(), fillvalue="")
        for number, (got, wanted) in enumerate(lines, start=1):
            if got != wanted:
                raise CheckFailedError(
                    f"In {path}, line {number} is {got[:160]!r} where the records give {wanted[:160]!r}; {again}."
                )
    if curves.points(study, evidence) and not (folder / PICTURE).is_file():
        raise CheckFailedError(f"The picture {folder / PICTURE} is missing; {again}.")
    return len(evidence)


def render(study: Study, evidence: Evidence) -> dict[str, str]:
    """Every text file of a study's folder: name to content."""
    parts = [_head(study), _rows(study, evidence)]
    parts += [_protocol(study, evidence, protocol) for protocol in study.protocol_ids]
    parts += [_group(study, evidence, group) for group in study.groups]
    parts += [_sweeps(study, evidence)] if study.sweeps else []
    return {PAGE: "\n".join(parts), CURVES: curves.to_csv(curves.points(study, evidence))}


def _head(study: Study) -> str:
    return (
        f"# {study.title}\n\n{study.summary}\n\n"
        f"Made by `python -m zoo study {study.name} --tables` from the records in `records/` and nothing else. Errors "
        f"in mm, of the mean of the hypotheses (`{HONEST}`), which no true pose has chosen. Where a row was trained from "
        "several seeds its number is their mean, and the lowest and highest stand beside it. A difference is that to the "
        "row named beside it, below 0 where this row is the better one; in brackets "
        f"what the middle 95 % of {DRAWS:,} paired bootstrap draws (seed {SEED}) of the test's clips give, drawn within each "
        "action (`zoo/studies/intervals.py`). It holds for these trained weights and these people: how much another seed "
        "changes is seen in the range of the rows that have several.\n"
    )


def _rows(study: Study, evidence: Evidence) -> str:
    parameters = {run.tag: record.lifter.parameters for run, record in evidence.items()}
    lines = []
    for row in study.rows:
        weights = [
            f"[{tag}](cards/{tag}.md)" if tag in parameters else f"{tag}: {NOT_TRAINED}" for tag in row.configurations
        ]
        # Seeds differ in their numbers, not in how many there are.
        size = next((f"{parameters[tag]:,}" for tag in row.configurations if tag in parameters), NOTHING)
        lines.append([row.name, row.what, size, ", ".join(weights)])
    table = _table(lines, ["row", "what it is", "parameters", "trained weights: data, budget, configuration"])
    return f"## Rows\n\n{table}"


def _protocol(study: Study, evidence: Evidence, protocol: str) -> str:
    """One protocol: a line a row, each metric with its range over seeds and its difference."""
    some = next((record for run, record in evidence.items() if run.protocol == protocol), None)
    text = [f"## {protocol}\n"]
    if some is not None:
        text.append(_facts(study, some))
    headers = ["row", *_titles(SHOWN[0]), "to", *_titles(SHOWN[1]), "seeds"]
    lines = []
    for row in study.rows:
        records = _records(study, evidence, row, protocol)
        if not records:
            lines.append([row.name, _why_not(study, evidence, row), *[NOTHING] * (len(headers) - 2)])
            continue
        cells = [_cells(study, evidence, row, protocol, metric) for metric in SHOWN]
        seeds = f"{len(records)} of {len(row.configurations)}"
        lines.append([row.name, *cells[0], _compared(study, row), *cells[1], seeds])
    return "\n".join([*text, _table(lines, headers)])


def _facts(study: Study, record: Record) -> str:
    clips = len({sequence.id.rpartition("/")[0] for sequence in record.sequences})
    text = (
        f"{record.data.frames:,} camera frames of {clips} {'clip' if clips == 1 else 'clips'}. Lifters that sample: {study.hypotheses} "
        f"{'hypothesis' if study.hypotheses == 1 else 'hypotheses'} in {study.steps} {'step' if study.steps == 1 else 'steps'}. "
        f"Inputs `{record.protocol.inputs_hash[:12]}`, scoring `{record.protocol.scoring_hash[:12]}`, data "
        f"`{record.data.fingerprint[:12]}`.\n"
    )
    return text + (f"\n{PSEUDO_TRUTH}\n" if record.data.pseudo_truth else "")


def _group(study: Study, evidence: Evidence, group: Group) -> str:
    """The actions of a group, and all others, as if each were the whole protocol."""
    text = [f"## {group.title}\n", f"Actions: {', '.join(sorted(group.actions))}.\n"]
    metric = SHOWN[0]
    for protocol in study.protocol_ids:
        if protocol.split("/")[0] != group.dataset:
            continue
        headers = ["row", *(f"these: {title}" for title in _titles(metric)), "to"]
        headers += [f"the others: {title}" for title in _titles(metric)]
        lines = []
        for row in map(study.row, group.rows):
            records = _records(study, evidence, row, protocol)
            if not records:
                lines.append([row.name, _why_not(study, evidence, row), *[NOTHING] * (len(headers) - 2)])
                continue
            others = frozenset(action for record in records for action in record.by_group) - group.actions
            cells = [_cells(study, evidence, row, protocol, metric, actions) for actions in (group.actions, others)]
            lines.append([row.name, *cells[0], _compared(study, row), *cells[1]])
        text.append(f"### {protocol}\n\n{_table(lines, headers)}")
    return "\n".join(text)


def _cells(
    study: Study,
    evidence: Evidence,
    row: Row,
    protocol: str,
    metric: str,
    actions: frozenset[str] | None = None,
) -> list[str]:
    """A row's number, its range over seeds, and its difference to the row that it is compared with."""
    compared = study.compared(row)
    own, others = (
        [clip_sums(record, metric, actions) for record in _records(study, evidence, some, protocol)]
        for some in (row, compared)
    )
    if not own[0].clips:
        return [NOTHING] * 3
    each = [mean([run]) for run in own]
    spread = f"{min(each):.1f} to {max(each):.1f}" if len(each) > 1 else NOTHING
    return [f"{mean(own):.1f}", spread, _difference(own, others) if others and compared != row else NOTHING]


def _difference(own: list[ClipSums], others: list[ClipSums]) -> str:
    found = difference(own, others)
    if found.ends is None:
        return f"{found.value:+.2f} (too few clips)"
    return f"{found.value:+.2f} [{found.ends[0]:+.2f}, {found.ends[1]:+.2f}]"


def _sweeps(study: Study, evidence: Evidence) -> str:
    """Tables of hypotheses and steps, and the picture where there is something to see."""
    text = ["## Hypotheses and steps\n"]
    if curves.points(study, evidence):
        text.append(f"![MPJPE over hypotheses and steps]({PICTURE})\n")
    text.append(f"Every aggregate, oracle ones too, stands in [{CURVES}]({CURVES}); here the mean of the hypotheses.\n")
    for sweep in study.sweeps:
        honest = {
            (p.hypotheses, p.steps): f"{p.mpjpe:.1f}"
            for p in curves.points_of(sweep, evidence)
            if p.aggregate == HONEST
        }
        lines = [[f"H={h}", *(honest.get((h, k), NOT_EVALUATED) for k in sweep.steps)] for h in sweep.hypotheses]
        table = _table(lines, ["MPJPE (mm)", *(f"K={k}" for k in sweep.steps)])
        text.append(f"### {sweep.configuration}, {sweep.protocol}\n\n{table}")
    return "\n".join(text)


def _records(study: Study, evidence: Evidence, row: Row, protocol: str) -> list[Record]:
    """The records of a row's seeds, as far as they are there."""
    runs = (study.run_of(tag, protocol) for tag in row.configurations)
    return [evidence[run] for run in runs if run in evidence]


def _why_not(study: Study, evidence: Evidence, row: Row) -> str:
    return NOT_EVALUATED if any(run.tag in row.configurations for run in evidence) else NOT_TRAINED


def _compared(study: Study, row: Row) -> str:
    compared = study.compared(row)
    return NOTHING if compared == row else compared.name


def _titles(metric: str) -> list[str]:
    return [f"{METRICS[metric].title} ({METRICS[metric].unit})", "over seeds", "difference"]


def _table(lines: list[list[str]], headers: list[str]) -> str:
    return tabulate(lines, headers=headers, tablefmt="github", disable_numparse=True) + "\n"
