"""Frame lists: a subset that the user brings, checked, hashed into the record."""

from dataclasses import replace
from pathlib import Path

import pytest

import posebench
from posebench.datasets.frame_lists import frame_list_path
from posebench.errors import DataDamagedError, DataMissingError, UsageError
from posebench.hashing import hash_file
from posebench.protocols.protocol import ProtocolFamily
from posebench.protocols.resolve import resolve_protocol
from posebench.registry.decorators import register_protocol


@pytest.fixture
def listed(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A rule `tiny/hard` over the frames of a list, and where the list belongs."""
    monkeypatch.setenv("POSEBENCH_DATA", str(tmp_path))

    @register_protocol("tiny/hard")
    def hard() -> ProtocolFamily:
        whole = resolve_protocol(None, "tiny")
        return ProtocolFamily("tiny/hard", replace(whole.inputs, frame_list="few"), whole.scoring, {"gt": "1"})

    path = frame_list_path("tiny", "few")
    path.parent.mkdir(parents=True)
    return path


def test_only_listed_frames_are_predicted_and_scored(listed: Path, tmp_path: Path) -> None:
    listed.write_text("sequence,frame\nS2/sway/0/east,7\nS2/sway/0/east,3\nS3/turn/0/north,33\nS2/sway/0/east,7\n")
    record = posebench.evaluate("mean-pose", protocol="tiny/hard", predictions=tmp_path / "p")
    assert {row.id: row.frames for row in record.sequences} == {"S2/sway/0/east": 2, "S3/turn/0/north": 1}
    assert record.data.frame_list_sha256 == hash_file(listed)
    listed.write_text("sequence,frame\nS2/sway/0/east,7\n")
    with pytest.raises(UsageError, match="frame list 'few'"):
        posebench.score(tmp_path / "p", "tiny/hard")


@pytest.mark.parametrize(
    "line", ["S9/sway/0/east,1", "S2/sway/0/east,40", "S2/sway/0/east,-1", "S2/sway/0/east,", "nonsense"]
)
def test_a_wrong_line_is_named(listed: Path, line: str) -> None:
    listed.write_text(f"sequence,frame\nS2/sway/0/east,1\n{line}\n")
    with pytest.raises(DataDamagedError, match="line 3"):
        posebench.evaluate("mean-pose", protocol="tiny/hard")


def test_an_empty_or_missing_list_is_one_sentence(listed: Path) -> None:
    with pytest.raises(DataMissingError, match="put it at"):
        posebench.evaluate("mean-pose", protocol="tiny/hard")
    listed.write_text("sequence,frame\n")
    with pytest.raises(DataDamagedError, match="names no frame"):
        posebench.evaluate("mean-pose", protocol="tiny/hard")
