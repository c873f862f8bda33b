"""What papers report, by protocol: pages and sections that stand apart from everything that was run here. Imports no torch."""

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace
from tabulate import tabulate

from posebench.registry.manifest import MANIFESTS, Architecture, Paper
from posebench.registry.plugins import load_plugins, plugin_of
from posebench.registry.reported import ReportedNumber

HEADERS = ("method", "reported", "setting", "where it stands", "remarks")
COLUMNS = {
    "honest": "Honest",
    "assisted": "Assisted",
    "oracle": "Oracle",
    "unknown": "Not said which hypotheses were scored, or with what help",
}
NOT_RUN = (
    "Numbers that papers and public pages report. Nothing here was run by posebench, none is ranked, and each may rest on "
    "another reading of the rule than its protocol's: what is known of that stands under remarks."
)


@dataclass(frozen=True)
class Reported:
    """A reported number and whose it is: an architecture, or a method that is no lifter here."""

    method: str
    number: ReportedNumber


def own_ledger() -> list[Reported]:
    """Every reported number of posebench's own manifest.

    Those of a third party are shown by `info` alone: a committed page must not
    depend on what else is installed.
    """
    load_plugins()
    ledger = []
    for file, manifest in MANIFESTS:
        plugin = plugin_of("manifest", str(file))
        if plugin is not None and plugin.is_own:
            methods: dict[str, Architecture | Paper] = {**manifest.lifters, **manifest.papers}
            ledger += [Reported(name, number) for name, value in methods.items() for number in value.reported]
    return ledger


def rows(ledger: Iterable[Reported]) -> list[tuple[str, ...]]:
    """The cells under `HEADERS`, in the ledger's order; numbers of one setting share a row."""
    grouped: dict[tuple[str, ReportedNumber], list[Reported]] = {}
    for item in ledger:
        setting = replace(item.number, metric="", value=0.0, unit="")
        grouped.setdefault((item.method, setting), []).append(item)
    return [_row([item.number for item in items], method) for (method, _), items in grouped.items()]


def _row(numbers: list[ReportedNumber], method: str) -> tuple[str, ...]:
    first = numbers[0]
    values = ", ".join(f"{metric_title(n.metric)} {n.value} {n.unit}" for n in numbers)
    remarks = [f"differs: {first.differs}"] if first.differs else []
    remarks += [first.note] if first.note else []
    name = f"{method}.{first.tag}" if first.tag else method
    return name, values, _setting(first), first.source, "; ".join(remarks) or "–"


def metric_title(metric: str) -> str:
    """A metric's name as papers write it, without the table of metrics, which needs torch."""
    return metric.upper().replace("_", "-")


def _setting(number: ReportedNumber) -> str:
    parts = [
        f"{number.frames} frames" if (number.frames or 0) > 1 else "1 frame" if number.frames else "",
        f"H={number.hypotheses}" if number.hypotheses else "",
        f"K={number.steps}" if number.steps else "",
        {True: "flip", False: "no flip", None: ""}[number.flip],
        number.aggregate or "",
        f"granted {', '.join(number.granted)}" if number.granted else "",
    ]
    return ", ".join(part for part in parts if part) or "–"


def section(ledger: Iterable[Reported], protocol: str) -> str:
    """The end of a board's page: what is reported under its protocol; empty when nothing is."""
    found = [item for item in ledger if item.number.protocol == protocol]
    return f"\n## Reported by papers (not run here)\n\n{NOT_RUN}\n{_tables(found, '###')}" if found else ""


def page(ledger: list[Reported]) -> str:
    """The whole ledger as Markdown, protocol after protocol."""
    parts = [
        "# Reported numbers\n",
        f"{NOT_RUN} Generated from `registry.yaml` by `posebench leaderboard reported`; a test fails when they differ.\n",
    ]
    for protocol in sorted({item.number.protocol for item in ledger}):
        found = [item for item in ledger if item.number.protocol == protocol]
        parts.append(f"## {protocol}\n{_tables(found, '###')}")
    return "\n".join(parts)


def _tables(found: list[Reported], heading: str) -> str:
    """Honest, assisted, oracle and unknown numbers in tables of their own."""
    parts = []
    for column, title in COLUMNS.items():
        lines = rows(item for item in found if item.number.column == column)
        if lines:
            parts.append(
                f"\n{heading} {title}\n\n{tabulate(lines, headers=HEADERS, tablefmt='github', disable_numparse=True)}\n"
            )
    return "".join(parts)
