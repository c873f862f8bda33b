"""The ledger of reported numbers: what an entry must say, what ours say, and that they stand apart from what was run."""

import json
from itertools import chain
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from posebench.cli.main import run_command
from posebench.errors import ManifestError
from posebench.leaderboard import build as boards
from posebench.leaderboard.reported import Reported, own_ledger, page, rows, section
from posebench.metrics.hypotheses import AGGREGATES, AssistedAggregate, HonestAggregate
from posebench.metrics.table import METRICS
from posebench.prediction.spec import ASSISTING, Privilege
from posebench.protocols.resolve import resolve_protocol
from posebench.registry.manifest import MANIFESTS, read_manifest
from posebench.registry.plugins import load_plugins
from posebench.registry.reported import LEANING_ON_TRUTH, ReportedNumber

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reported.md"
MANIFEST = """schema: 1
lifters:
  net:
    title: A net
    citation: nobody, 2026
    default: small
    reported:
      - {{protocol: tiny/standard+gt@1, metric: mpjpe, value: 50, column: honest, source: paper}}
      - {number}
    tags:
      small: {{summary: small}}
papers:
  old:
    title: An old net
    citation: nobody, 2016
    reported:
      - {{protocol: tiny/standard+gt@1, metric: mpjpe, value: 90, column: honest, source: paper}}
"""
GOOD = (
    "{protocol: tiny/standard+gt@1, metric: p_mpjpe, value: 40.5, column: oracle, aggregate: j-best, hypotheses: 20, "
    "steps: 10, frames: 27, flip: true, granted: [action_label], tag: small, source: 'paper, table 2', differs: no tails}"
)


def manifest(tmp_path: Path, number: str = GOOD) -> Path:
    path = tmp_path / "m.yaml"
    path.write_text(MANIFEST.format(number=number))
    return path


def test_a_reported_number_says_what_it_was_allowed_to_see(tmp_path: Path) -> None:
    number = read_manifest(manifest(tmp_path)).lifters["net"].reported[1]
    assert (number.column, number.aggregate, number.hypotheses, number.steps) == ("oracle", "j-best", 20, 10)
    assert rows([Reported("net", number)]) == [
        (
            "net.small",
            "P-MPJPE 40.5 mm",
            "27 frames, H=20, K=10, flip, j-best, granted action_label",
            "paper, table 2",
            "differs: no tails",
        )
    ]


@pytest.mark.parametrize(
    ("old", "new", "key", "line", "words"),
    [
        (", source: 'paper, table 2'", "", "reported.1.source", 9, "Field required"),
        ("column: oracle, ", "", "reported.1.column", 9, "Field required"),
        ("protocol: tiny/standard+gt@1", "protocol: tiny", "reported.1.protocol", 9, "dataset/rule+source@version"),
        ("protocol: tiny/standard+gt@1", "protocol: tiny/standard+gt", "reported.1.protocol", 9, "dataset/rule+source@version"),
        ("value: 40.5", "value: .nan", "reported.1.value", 9, "nan is not a finite number"),
        ("value: 40.5", "value: .inf", "reported.1.value", 9, "inf is not a finite number"),
        ("value: 40.5", "value: -1", "reported.1.value", 9, "-1 is not a finite number, 0 or above"),
        ("value: 40.5", "value: forty", "reported.1.value", 9, "'forty' is not a finite number"),
        ("hypotheses: 20", "hypotheses: 0", "reported.1.hypotheses", 9, "0 is not a whole number, 1 or above"),
        ("granted: [action_label]", "granted: [the answer]", "reported.1.granted.0", 9, "action_label"),
        ("column: oracle", "column: best", "reported.1.column", 9, "'best' is not one of 'assisted', 'honest', 'oracle', 'unknown'"),
        ("column: oracle", "column: honest", "reported.1", 9, "granted action_label, so its column is"),
        ("aggregate: j-best, ", "", "reported.1", 9, "an oracle number says what was chosen"),
        ("column: oracle, aggregate: j-best", "column: assisted", "reported.1", 9, "20 hypotheses became one pose"),
        ("tag: small", "tag: huge", "", 3, "the tag 'huge' of reported.1 is not among the tags"),
        (GOOD, "{protocol: tiny/standard+gt@1, metric: mpjpe, value: 1, column: honest, source: paper}", "", 3, "the same as reported.0"),
        (GOOD, "{protocol: a/b@1, metric: mpjpe, value: 1, column: assisted, source: paper}", "reported.1", 9, "by what"),
    ],
)  # fmt: skip
def test_an_error_names_the_entry_and_its_line(
    tmp_path: Path, old: str, new: str, key: str, line: int, words: str
) -> None:
    assert old in GOOD
    with pytest.raises(ManifestError) as caught:
        read_manifest(manifest(tmp_path, GOOD.replace(old, new)))
    where = f"lifters.net.{key}" if key else "lifters.net"
    assert f"line {line}, key {where!r}: " in str(caught.value)
    assert words in str(caught.value)


def test_a_paper_is_no_lifter_and_reports_something(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    text = path.read_text()
    path.write_text(text.replace("  old:", "  net:"))
    with pytest.raises(ManifestError, match="'net' stands under 'papers' and 'lifters'"):
        read_manifest(path)
    path.write_text(text[: text.index("    reported:\n", text.index("papers:"))] + "    reported: []\n")
    with pytest.raises(ManifestError, match=r"line 16, key 'papers\.old\.reported'"):
        read_manifest(path)


def test_privileges_are_those_of_lifters() -> None:
    assert LEANING_ON_TRUTH == ASSISTING
    annotation = get_type_hints(ReportedNumber)["granted"]
    assert set(get_args(get_args(annotation)[0])) == set(get_args(Privilege))


@pytest.mark.parametrize("item", own_ledger(), ids=lambda item: f"{item.method}-{item.number.value:g}")
def test_every_number_of_ours_refers_to_what_is_registered(item: Reported) -> None:
    number = item.number
    protocol = resolve_protocol(number.protocol)
    assert "+" not in number.protocol or protocol.id == number.protocol
    assert METRICS[number.metric].unit == number.unit
    assert number.metric in protocol.scoring.metrics
    if number.aggregate is not None:
        kinds = {HonestAggregate: ("honest", "assisted"), AssistedAggregate: ("assisted",)}
        assert number.column in kinds.get(type(AGGREGATES[number.aggregate]), ("oracle",))


def test_the_numbers_of_the_literature_are_there() -> None:
    values = {(item.method, item.number.metric, item.number.value): item.number for item in own_ledger()}
    mixste = values["mixste", "mpjpe", 40.9]
    assert (mixste.protocol, mixste.frames) == ("human36m/mixste+cpn_ft_h36m_dbb@1", 243)
    assert values["videopose3d", "mpjpe", 46.8].flip is True
    assert values["videopose3d", "mpjpe", 47.7].flip is False
    assert values["ktpformer", "mpjpe", 33.0].column == "oracle"
    assert values["d3dp", "mpjpe", 39.5].column == "assisted"
    assert values["d3dp", "mpjpe", 35.4].column == "oracle"
    assert values["finepose", "mpjpe", 31.9].granted == ("action_label",)
    assert values["motionagformer", "p_mpjpe", 32.5].protocol == "human36m/motionbert+sh_ft_h36m@1"
    assert values["starpose", "mpjpe", 29.9].column == "unknown"


def test_the_committed_page_is_that_of_the_manifest(tmp_path: Path) -> None:
    assert PAGE.read_text() == page(own_ledger()), "run `posebench leaderboard reported`"
    assert run_command(["leaderboard", "reported", "--file", str(tmp_path / "r.md")]) == 0
    assert (tmp_path / "r.md").read_text() == PAGE.read_text()


def test_info_shows_them_as_a_table_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["info", "mixste"]) == 0
    own, reported = capsys.readouterr().out.split("Reported by papers (not run here)")
    assert "40.9" not in own
    assert "MPJPE 40.9 mm, P-MPJPE 32.6 mm" in reported
    assert "human36m/mixste+cpn_ft_h36m_dbb@1" in reported
    assert run_command(["info", "mixste", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert {number["value"] for number in value["reported by the paper"]} == {40.9, 32.6}
    assert run_command(["info", "mean-pose"]) == 0
    assert "Reported" not in capsys.readouterr().out


def test_a_board_ends_with_what_papers_report_and_mixes_nothing(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_plugins()
    records = tmp_path / "records"
    assert run_command(["run", "-m", "mean-pose", "-d", "tiny", "--records", str(records)]) == 0
    plain = boards.render(tmp_path)
    assert "not run here" not in plain["tiny/standard+gt@1.md"]
    read = read_manifest(manifest(tmp_path))
    methods = chain(read.lifters.items(), read.papers.items())
    ledger = [Reported(name, number) for name, value in methods for number in value.reported]
    monkeypatch.setattr(boards, "own_ledger", lambda: ledger)
    made = boards.render(tmp_path)
    assert made["tiny/standard+gt@1.md"].startswith(plain["tiny/standard+gt@1.md"])
    end = made["tiny/standard+gt@1.md"].removeprefix(plain["tiny/standard+gt@1.md"])
    honest, oracle = end.split("### Honest")[1].split("### Oracle")
    assert "MPJPE 50.0 mm" in honest
    assert "MPJPE 90.0 mm" in honest
    assert "40.5" not in honest
    assert "P-MPJPE 40.5 mm" in oracle
    assert "mean-pose" not in end
    for name in plain.keys() - {"tiny/standard+gt@1.md"}:
        assert made[name] == plain[name], "numbers of papers reach no table"
    assert section(ledger, "tiny/standard+simulated@1") == ""


def test_a_third_partys_manifest_reaches_no_committed_page(tmp_path: Path) -> None:
    before = MANIFESTS.snapshot()
    ours = own_ledger()
    try:
        from posebench import register_manifest

        register_manifest(manifest(tmp_path))
        assert own_ledger() == ours
    finally:
        MANIFESTS.restore(before)
