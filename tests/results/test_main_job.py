"""Predict, score, record: the promises of the spine, on a tiny data set."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import posebench
from posebench.errors import DataDamagedError, DataMissingError, LifterContractError, NotFiniteError, UsageError
from posebench.prediction.folder import PredictionFolder
from posebench.protocols.resolve import resolve_protocol
from posebench.registry.decorators import register_lifter
from posebench.results.record import Record, SettingsPart, read_record, write_record
from posebench.results.score import headline_of


def test_a_lifter_registers_and_runs_in_under_twenty_lines(tiny: str) -> None:
    @posebench.register_lifter("flat", spec=posebench.LifterSpec(window=3, stride=1, privileges=("future_frames",)))
    class Flat(nn.Module):
        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            centre = inputs.keypoints[:, 1:2]
            flat = (centre - centre[:, :, :1]) * 5
            return torch.cat([flat, torch.zeros_like(flat[..., :1])], dim=-1)

    record = posebench.evaluate("flat", dataset="tiny")
    assert record.data.frames == 200
    assert 0 < record.results["honest"]["p-agg"]["mpjpe"] < 500
    assert set(record.results) == {"honest"}
    assert record.lifter.domain == "untrained"
    assert record.kind == "score"


@pytest.fixture
def noisy(tiny: str) -> str:
    """A lifter that draws noise: several hypotheses, a window, and a linear map so that batches do real arithmetic."""

    @register_lifter(
        "noisy", spec=posebench.LifterSpec(window=9, stride=9, tail="shift", privileges=("future_frames",))
    )
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            with torch.random.fork_rng():
                torch.manual_seed(3)
                self.map = nn.Linear(34, 51)

        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            batch, frames = inputs.keypoints.shape[:2]
            poses = self.map(inputs.keypoints.flatten(2) / 500).view(batch, 1, frames, 17, 3) * 200
            return poses + 50 * inputs.noise(4, frames, 17, 3)

    return "noisy"


def stripped(record: Record) -> dict[str, object]:
    """What must be equal between two runs of the same settings."""
    return {
        key: value
        for key, value in record.model_dump(mode="json").items()
        if key in {"results", "by_group", "sequences", "run"}
    }


def test_scoring_again_from_the_folder_gives_the_same_bits(noisy: str, tmp_path: Path) -> None:
    record = posebench.evaluate(noisy, dataset="tiny", predictions=tmp_path / "p")
    scores = posebench.score(tmp_path / "p")
    assert scores.sequences == record.sequences
    assert scores.headline.overall["p-agg"] == record.results["honest"]["p-agg"]
    assert scores.headline.overall["p-best"] == record.results["oracle"]["p-best"]
    assert record.results["oracle"]["p-best"]["mpjpe"] < record.results["honest"]["p-agg"]["mpjpe"] + 50
    assert scores.predictions_sha256 == record.run.predictions_sha256


def test_running_again_gives_the_same_bits_and_another_seed_does_not(noisy: str) -> None:
    first, again = posebench.evaluate(noisy, dataset="tiny"), posebench.evaluate(noisy, dataset="tiny")
    assert stripped(first) == stripped(again)
    other = posebench.evaluate(noisy, dataset="tiny", seed=1)
    assert other.run.predictions_sha256 != first.run.predictions_sha256


def test_any_sharding_by_sequences_gives_the_same_bits(noisy: str, tmp_path: Path) -> None:
    whole = posebench.evaluate(noisy, dataset="tiny", predictions=tmp_path / "whole")
    files = sorted((tmp_path / "whole" / "sequences").iterdir())
    # Two shards: each finds half of the sequences done and predicts the other half alone.
    for name, done in (("a", files[::2]), ("b", files[1::2])):
        (tmp_path / name / "sequences").mkdir(parents=True)
        shutil.copy(tmp_path / "whole" / "manifest.json", tmp_path / name)
        for file in done:
            shutil.copy(file, tmp_path / name / "sequences")
        assert stripped(posebench.evaluate(noisy, dataset="tiny", predictions=tmp_path / name)) == stripped(whole)


def test_the_order_of_sequences_does_not_matter(noisy: str, tmp_path: Path) -> None:
    posebench.evaluate(noisy, dataset="tiny", predictions=tmp_path)
    scores = posebench.score(tmp_path)
    protocol = resolve_protocol(None, "tiny")
    assert (
        headline_of(protocol.scoring, scores.sequences[::-1])
        == headline_of(protocol.scoring, scores.sequences)
        == scores.headline
    )


@pytest.mark.parametrize("size", [1, 3, 64])
def test_another_batch_size_stays_within_a_thousandth_of_a_millimetre(noisy: str, size: int) -> None:
    auto, other = posebench.evaluate(noisy, dataset="tiny"), posebench.evaluate(noisy, dataset="tiny", batch_size=size)
    assert other.results["honest"]["p-agg"]["mpjpe"] == pytest.approx(
        auto.results["honest"]["p-agg"]["mpjpe"], abs=1e-3
    )


def test_threads_do_not_change_a_bit_of_scoring(noisy: str, tmp_path: Path) -> None:
    posebench.evaluate(noisy, dataset="tiny", predictions=tmp_path)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = posebench.score(tmp_path)
        torch.set_num_threads(4)
        assert posebench.score(tmp_path) == one
    finally:
        torch.set_num_threads(threads)


def test_a_limit_takes_the_first_frames_and_makes_a_smoke_record(noisy: str, tmp_path: Path) -> None:
    posebench.evaluate(noisy, dataset="tiny", predictions=tmp_path / "whole")
    record = posebench.evaluate(noisy, dataset="tiny", limit=55, predictions=tmp_path / "part")
    assert record.kind == "smoke"
    assert record.data.frames == 55
    assert [row.frames for row in record.sequences] == [40, 15]
    whole, part = PredictionFolder.open(tmp_path / "whole"), PredictionFolder.open(tmp_path / "part")
    for row in record.sequences:
        np.testing.assert_array_equal(whole.read(row.id).poses[:, : row.frames], part.read(row.id).poses)


def test_headline_is_the_mean_over_actions_of_frame_means(noisy: str) -> None:
    record = posebench.evaluate(noisy, dataset="tiny")
    per_action = []
    for action in ("sway", "turn"):
        rows = [row for row in record.sequences if row.action == action]
        total = sum(row.statistics[action]["p-agg"]["mpjpe"][0] for row in rows)
        per_action.append(total / sum(row.frames for row in rows))
    assert record.results["honest"]["p-agg"]["mpjpe"] == pytest.approx(sum(per_action) / 2, rel=1e-12)
    # A clip of one frame has no velocity: it has no weight there, and the others keep theirs.
    single = next(row for row in record.sequences if row.frames == 1)
    assert single.statistics["sway"]["p-agg"]["mpjve"] == (0.0, 0.0)


def test_another_inputs_half_is_refused(noisy: str, tmp_path: Path) -> None:
    posebench.predict(noisy, tmp_path, dataset="tiny", keypoints="gt")
    with pytest.raises(UsageError, match="made with source 'gt'"):
        posebench.score(tmp_path, "tiny/standard+simulated")


def test_other_settings_do_not_continue_a_folder(noisy: str, tmp_path: Path) -> None:
    posebench.predict(noisy, tmp_path, dataset="tiny")
    with pytest.raises(UsageError, match="another seed"):
        posebench.predict(noisy, tmp_path, dataset="tiny", seed=5)


def test_a_damaged_or_missing_sequence_is_named(noisy: str, tmp_path: Path) -> None:
    folder = posebench.predict(noisy, tmp_path, dataset="tiny")
    file = folder.file("S2/turn/0/east")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataDamagedError, match="S2/turn/0/east"):
        posebench.score(tmp_path)
    file.unlink()
    with pytest.raises(DataMissingError, match="S2/turn/0/east"):
        posebench.score(tmp_path)
    posebench.predict(noisy, tmp_path, dataset="tiny")
    posebench.score(tmp_path)


def test_nan_from_a_lifter_names_the_sequence_and_keeps_what_was_done(tiny: str, tmp_path: Path) -> None:
    @register_lifter("nan", spec=posebench.LifterSpec())
    class Nan(nn.Module):
        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            poses = torch.zeros(len(inputs.keypoints), 1, 17, 3)
            # The one-frame clip of this data set comes third in sorted order.
            return poses / 0 if len(inputs.keypoints) == 1 else poses

    with pytest.raises(NotFiniteError, match=r"sequence S2/sway/1/east, frame 0") as caught:
        posebench.evaluate("nan", dataset="tiny", predictions=tmp_path)
    assert caught.value.exit_code == 4
    assert len(list((tmp_path / "sequences").iterdir())) == 2


def test_a_lifter_that_breaks_its_spec_is_told_what_it_promised(tiny: str) -> None:
    @register_lifter("short", spec=posebench.LifterSpec())
    class Short(nn.Module):
        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            return torch.zeros(len(inputs.keypoints), 1, 16, 3)

    with pytest.raises(LifterContractError, match="16"):
        posebench.evaluate("short", dataset="tiny")


def test_a_privilege_is_handed_out_only_when_declared_and_granted(tiny: str) -> None:
    seen = {}

    @register_lifter("plain", spec=posebench.LifterSpec())
    class Plain(nn.Module):
        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            seen["plain"] = inputs
            return torch.zeros(len(inputs.keypoints), 1, 17, 3)

    @register_lifter("lens", spec=posebench.LifterSpec(privileges=("intrinsics",)))
    class Lens(Plain):
        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            seen["lens"] = inputs
            return torch.zeros(len(inputs.keypoints), 1, 17, 3)

    @register_lifter("label", spec=posebench.LifterSpec(privileges=("action_label",)))
    class Label(Plain):
        pass

    assert set(posebench.evaluate("plain", dataset="tiny").results) == {"honest"}
    assert seen["plain"].lens is seen["plain"].root_depth is seen["plain"].action is None
    record = posebench.evaluate("lens", dataset="tiny")
    assert set(record.results) == {"assisted"}
    assert seen["lens"].lens.shape == (9,)
    with pytest.raises(UsageError, match="action_label"):
        posebench.evaluate("label", dataset="tiny")


def test_flip_averages_a_pose_with_its_mirror_image(tiny: str) -> None:
    @register_lifter("skew", spec=posebench.LifterSpec())
    class Skew(nn.Module):
        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            x = inputs.keypoints - inputs.keypoints[:, :, :1]
            return torch.cat([x + 10, x[..., :1].abs()], dim=-1)  # the same shift to both: flip must take it out of x

    folder_plain = posebench.evaluate("skew", dataset="tiny")
    flipped = posebench.evaluate("skew", dataset="tiny", flip=True)
    assert folder_plain.lifter.settings == SettingsPart(flip=False, resample=False)
    assert flipped.lifter.settings == SettingsPart(flip=True, resample=False)
    assert flipped.run.predictions_sha256 != folder_plain.run.predictions_sha256
    assert flipped.results["honest"]["p-agg"]["p_mpjpe"] == pytest.approx(
        folder_plain.results["honest"]["p-agg"]["p_mpjpe"], rel=1e-4
    )


def test_missing_joints_are_interpolated_and_counted_unless_accepted(tiny: str) -> None:
    shown = []

    class Looks(nn.Module):
        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            shown.append(bool(inputs.keypoints.isnan().any()))
            return torch.zeros(len(inputs.keypoints), 1, 17, 3)

    register_lifter("blind", spec=posebench.LifterSpec())(Looks)
    register_lifter("robust", spec=posebench.LifterSpec(accepts_missing=True))(Looks)
    blind = posebench.evaluate("blind", dataset="tiny", keypoints="simulated-high")
    assert not any(shown)
    assert blind.data.interpolated > 0
    robust = posebench.evaluate("robust", dataset="tiny", keypoints="simulated-high")
    assert any(shown)
    assert robust.data.interpolated == 0


def test_a_record_survives_its_file_and_refuses_what_it_does_not_know(noisy: str, tmp_path: Path) -> None:
    record = posebench.evaluate(noisy, dataset="tiny", limit=10)
    path = write_record(record, tmp_path / "r.json")
    assert read_record(path) == record
    assert all(row.action and row.subject and row.clip and row.camera for row in record.sequences)
    value = json.loads(path.read_text())
    value["run"]["host"] = "somewhere"
    path.write_text(json.dumps(value))
    with pytest.raises(DataDamagedError, match=r"run\.host"):
        read_record(path)


def test_a_record_names_no_machine(noisy: str, tmp_path: Path) -> None:
    text = posebench.evaluate(noisy, dataset="tiny", predictions=tmp_path / "here").model_dump_json()
    assert str(tmp_path) not in text
    assert str(Path.home()) not in text


def test_the_timing_covers_exactly_the_forward_passes_of_this_run(noisy: str, tmp_path: Path) -> None:
    first = posebench.evaluate(noisy, dataset="tiny", predictions=tmp_path).timing
    assert first.forward_frames == 200
    assert first.method == "perf_counter_ns"
    assert 0 < (first.forward_seconds or 0) < first.wall_seconds
    again = posebench.evaluate(noisy, dataset="tiny", predictions=tmp_path).timing
    assert again.forward_frames is None
