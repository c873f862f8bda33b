"""Transfer: losses and their intervals are those of the records, draws of the same clips go together, and pages are checked."""

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from posebench.errors import CheckFailedError, UsageError
from posebench.results.record import Record, SequencePart, read_record, read_records
from zoo import __main__ as command_line
from zoo.studies.intervals import DRAWS, clip_sums, difference, draw, interval, mean
from zoo.studies.study import load_study
from zoo.studies.transfer import TransferRun, load_transfer, read_transfer_evidence
from zoo.studies.transfer_tables import render

BOARDS = Path(__file__).resolve().parents[2] / "leaderboards"
STUDY = {
    "title": "Elsewhere",
    "summary": "For a test.",
    "reference": "video",
    "rows": [
        {"name": "video", "model": "videopose3d.open", "what": "27 frames"},
        {"name": "single", "model": "simple_baseline.open", "what": "one frame"},
        {"name": "never", "model": "nobody.yet", "what": "no tag", "hypotheses": 3, "steps": 2},
    ],
    "comparisons": [
        {
            "title": "Another detector",
            "base": "tiny/standard+gt",
            "others": [{"protocol": "tiny/standard+simulated", "what": "simulated keypoints"}],
        }
    ],
}  # fmt: skip
GT, SIMULATED = "tiny/standard+gt@1", "tiny/standard+simulated@1"


def made(errors: dict[str, list[float]], weight: float = 10.0) -> Record:
    """A record of clips and their MPJPE, by action."""
    parts = [
        SequencePart(
            id=f"S/{action}/{number}/c", subject="S", action=action, clip=str(number), camera="c", frames=10,
            interpolated=0, statistics={action: {"p-agg": {"mpjpe": (weight * value, weight)}}},
        )
        for action, values in errors.items() for number, value in enumerate(values)
    ]  # fmt: skip
    path = min((BOARDS / "records" / "hdm05/standard+gt@1" / "videopose3d.open").glob("*.json"))
    return read_record(path).model_copy(update={"sequences": tuple(parts)})


def drawn(errors: dict[str, list[float]], weight: float = 10.0):  # type: ignore[no-untyped-def]
    return draw(clip_sums(made(errors, weight), "mpjpe"))


def test_the_loss_on_the_same_clips_is_drawn_together() -> None:
    base = {"a": [10.0, 50.0, 90.0], "b": [20.0, 70.0]}
    here = {action: [value + 5 for value in values] for action, values in base.items()}
    # What every clip loses is certain, also where another view has fewer cameras and so fewer frames.
    loss = drawn(here, weight=7.0) - drawn(base)
    assert loss.value == pytest.approx(5.0)
    assert interval(loss) == pytest.approx((5.0, 5.0))
    one, other = (clip_sums(made(errors), "mpjpe") for errors in (here, base))
    assert interval(draw(one)) is not None
    assert difference([one], [other]).ends == pytest.approx(interval(draw(one) - draw(other)))
    share = 100 * ((drawn({k: [2 * v for v in vs] for k, vs in base.items()}) - drawn(base)) / drawn(base))
    assert (share.value, interval(share)) == (pytest.approx(100.0), pytest.approx((100.0, 100.0)))


def test_other_clips_are_drawn_for_themselves() -> None:
    values = list(np.random.RandomState(0).normal(50, 10, 30))
    one, other = drawn({"a": values}), drawn({"pitch": values})
    assert one.values is not None
    assert other.values is not None
    assert one.values.shape == (DRAWS,)
    assert abs(np.corrcoef(one.values, other.values)[0, 1]) < 0.1
    ends = interval(one - other)
    assert ends is not None
    # Two independent means: as wide as the square root of two of one.
    own = interval(one)
    assert own is not None
    assert ends[1] - ends[0] == pytest.approx(2**0.5 * (own[1] - own[0]), rel=0.1)


def test_without_two_clips_of_an_action_there_is_no_interval() -> None:
    alone = drawn({"a": [10.0], "b": [20.0]})
    assert (alone.values, interval(alone), interval(drawn({"a": [1.0, 2.0]}) - alone)) == (None, None, None)


@pytest.fixture
def folder(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results for a registered study of two lifters that are there and one that is not."""
    (tmp_path / "elsewhere.yaml").write_text(yaml.safe_dump(STUDY))
    monkeypatch.setattr("zoo.studies.study.STUDIES", tmp_path)
    return tmp_path / "results" / "elsewhere"


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["zoo", "transfer", "elsewhere", "--dir", str(folder.parent), *arguments])
    with pytest.raises(SystemExit) as left:
        command_line.main()
    return int(left.value.code or 0)


def test_the_command_makes_what_is_missing_and_a_page_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The third lifter is not registered: what was finished stays, and the page says what is missing.
    assert run(monkeypatch, folder, "--device", "cpu") == 2
    assert "nobody.yet" in capsys.readouterr().err
    records = [record for _, record in read_records(folder / "records")]
    assert {(r.lifter.name, r.protocol.id) for r in records} == {
        (name, protocol) for name in ("videopose3d.open", "simple_baseline.open") for protocol in (GT, SIMULATED)
    }
    assert all(record.lifter.settings.flip for record in records)
    assert run(monkeypatch, folder, "--tables") == 0
    page = (folder / "transfer.md").read_text()
    rows = {line.split("|")[1].strip(): line for line in page.split("### ")[1].splitlines() if line.startswith("| ")}
    assert "not evaluated yet" in rows["never"]
    evidence = read_transfer_evidence(load_transfer("elsewhere"), folder)
    sums = {run: clip_sums(record, "mpjpe") for run, record in evidence.items()}
    losses = {
        name: mean([sums[TransferRun(name, SIMULATED)]]) - mean([sums[TransferRun(name, GT)]])
        for name in ("video", "single")
    }
    assert f"{losses['video']:+.1f} [" in rows["video"]
    assert f"{losses['single']:+.1f} [" in rows["single"]
    assert f"{losses['single'] - losses['video']:+.1f} [" in rows["single"]
    assert run(monkeypatch, folder, "--check") == 0
    (folder / "transfer.md").write_text(page.replace("[", "(", 1))
    assert run(monkeypatch, folder, "--check") == 1
    first = records[0]
    _alter(folder, first, results={})
    with pytest.raises(CheckFailedError, match="do not follow"):
        read_transfer_evidence(load_transfer("elsewhere"), folder)
    settings = first.lifter.settings.model_copy(update={"flip": False})
    _alter(folder, first, lifter=first.lifter.model_copy(update={"settings": settings}))
    with pytest.raises(CheckFailedError, match="is of no row of the study elsewhere"):
        read_transfer_evidence(load_transfer("elsewhere"), folder)
    _alter(folder, first, lifter=first.lifter.model_copy(update={"weights_sha256": "0" * 64}))
    with pytest.raises(CheckFailedError, match="differs from others of the row"):
        read_transfer_evidence(load_transfer("elsewhere"), folder)


def _alter(folder: Path, record: Record, **changed: object) -> None:
    (folder / "records" / record.location).write_text(record.model_copy(update=changed).model_dump_json())


def test_the_study_that_comes_with_the_zoo_is_whole() -> None:
    study = load_transfer("transfer")
    protocols = {run.protocol for run in study.runs}
    assert {protocol.split("/")[0] for protocol in protocols} == {"hdm05", "openbiomechanics"}
    assert len(protocols) == 15
    assert render(study, {}).count("not evaluated yet") == len(study.rows) * sum(
        len(c.others) for c in study.comparisons
    )
    with pytest.raises(UsageError, match="python -m zoo transfer"):
        load_study("transfer")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"reference": "nobody"}, "there is no row 'nobody'"),
        ({"rows": [STUDY["rows"][0]] * 2}, "two rows have the same name"),  # type: ignore[index]
        ({"comparisons": []}, "comparisons"),
    ],
)
def test_a_wrong_study_is_told_by_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], message: str
) -> None:
    monkeypatch.setattr("zoo.studies.study.STUDIES", tmp_path)
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump({**STUDY, **changed}))
    with pytest.raises(UsageError, match=message):
        load_transfer("wrong")
