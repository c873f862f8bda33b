"""What a run shows of prompts: clips, summary, the command line, and that no number of a run moves."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import refused, run
from safetensors.torch import save_file
from small_lifters import SMALL_LIFTERS

from posebench.errors import LifterContractError, UsageError
from posebench.prediction.lifter import LifterInputs
from posebench.results.api import describe_motions
from posebench.results.prompts import ClipPrompt, Prompts, nearest_words, ordered, words
from posebench.results.record import read_record
from zoo import vocabulary
from zoo.lifters.dreampose3d import DreamPose3D

SMALL = next(small for small in SMALL_LIFTERS if small.name == "dreampose3d")


def weights_file(path: Path, prompt: str = "learned") -> Path:
    config = {**SMALL.config, "prompt": prompt}
    torch.manual_seed(0)
    state = {name: value.contiguous() for name, value in DreamPose3D(**config).state_dict().items()}
    save_file(state, path, metadata={"posebench": json.dumps({"arch": "dreampose3d", "config": config})})
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return weights_file(tmp_path / "small.safetensors")


@pytest.fixture
def _swaying_is_walking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vocabulary._LABELS, ("tiny", "sway"), "walking")


def clip(name: str, label: str | None, first: dict[str, int], **probabilities: float) -> ClipPrompt:
    return ClipPrompt(
        clip=f"S1/{name}/0", action=name, label=label, cameras=1, windows=sum(first.values()),
        probabilities=ordered(probabilities, probabilities.values()), first=first,
    )  # fmt: skip


def prompts(*clips: ClipPrompt) -> Prompts:
    return Prompts(
        lifter="l", weights_sha256=None, protocol="p", inputs_hash="", fingerprint="", limit=None, names=("a", "b"),
        clips=clips,
    )  # fmt: skip


def test_summary_of_prompts_made_by_hand() -> None:
    made = prompts(
        clip("x", "a", {"a": 3, "b": 1}, a=0.6, b=0.4),
        clip("x2", "a", {"b": 2}, a=0.2, b=0.8),
        clip("y", "b", {"b": 4}, a=0.5, b=0.5),  # of two as probable the earlier one is nearest
        clip("z", None, {"a": 5}, a=0.9, b=0.1),
    )
    found = made.summary()
    assert (found.clips, found.windows) == (3, 10)
    assert found.right_clips == pytest.approx(1 / 3, abs=1e-4)
    assert found.right_windows == 0.7
    assert (found.uniform, found.commonest) == (0.5, "a")
    assert found.commonest_clips == pytest.approx(2 / 3, abs=1e-4)
    assert [item.right for item in made.clips] == [True, False, False, None]
    assert nearest_words(made.clips[1].probabilities) == "b 80 %, a 20 %"
    assert words(made) == (
        "The nearest name is the action's in 33.3% of 3 clips and 70.0% of 10 windows; by chance: 50.0% (any of 2 names), "
        "66.7% of clips (always 'a'). 1 more clip has an action that the lifter has no name for."
    )


def test_without_any_named_action_nothing_is_right_or_wrong() -> None:
    made = prompts(clip("z", None, {"a": 5}, a=0.9, b=0.1))
    assert words(made) == "The lifter has no name for any of these actions, so nothing can be right or wrong."
    assert made.to_json()["summary"]["right_clips"] is None


@pytest.mark.usefixtures("_swaying_is_walking")
def test_of_a_clip_the_mean_of_its_windows_and_cameras(tiny: str, weights: Path) -> None:
    made = describe_motions("dreampose3d", dataset=tiny, weights=weights)
    assert made.names == tuple(vocabulary.ACTIONS)
    assert [item.clip for item in made.clips] == ["S2/sway/0", "S2/sway/1", "S2/turn/0", "S3/turn/0"]
    # Nine frames a window: 40, 1, 25 and 34 frames seen by two cameras.
    assert [(item.cameras, item.windows) for item in made.clips] == [(2, 10), (2, 2), (2, 6), (2, 8)]
    assert [item.label for item in made.clips] == ["walking", "walking", None, None]
    for item in made.clips:
        shares = list(item.probabilities.values())
        assert set(item.probabilities) == set(made.names)
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1, abs=2e-3)
        assert sum(item.first.values()) == item.windows
    # A user's own file is not called by the name of a tag.
    assert made.lifter.startswith("dreampose3d with the weights ")

    # The same by hand, for one clip.
    from posebench.datasets.library import load_dataset
    from posebench.inputs.sources import find_source
    from posebench.prediction.create import load_lifter

    lifter, data = load_lifter("dreampose3d", weights), load_dataset(tiny)
    scores = []
    for info in data.sequences("test"):
        if info.clip_id == "S2/turn/0":
            pixels = find_source("gt").read(data.read(info)).pixels
            windows = torch.from_numpy(np.stack([pixels[0:9], pixels[9:18], pixels[16:25]]))
            shown = LifterInputs(windows, torch.ones(3, 9, 17), torch.tensor([1000.0, 1000.0]), 50.0)
            with torch.inference_mode():
                scores.append(lifter.module.describe(shown).scores)  # type: ignore[operator]
    mean = dict(zip(made.names, torch.cat(scores).mean(0).tolist(), strict=True))
    assert made.clips[2].probabilities == pytest.approx(mean, abs=1e-4)


@pytest.mark.usefixtures("_swaying_is_walking")
def test_showing_prompts_moves_no_number(
    tiny: str, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    describe = DreamPose3D.describe
    monkeypatch.setattr(DreamPose3D, "describe", lambda self, inputs: (asked.append(1), describe(self, inputs))[1])
    call = ("run", "-m", "dreampose3d", "-d", tiny, "--weights", str(weights), "--json")
    plain = json.loads(run(capsys, *call, "--records", str(tmp_path / "plain")))
    assert not asked
    shown = json.loads(run(capsys, *call, "--show-prompts", "--records", str(tmp_path / "shown")))
    assert asked
    told = shown.pop("prompts")
    for value in (plain, shown):
        for changing in ("id", "created", "timing"):
            value.pop(changing)
    assert shown == plain
    # A folder of records holds records alone, and they are what they were.
    (file,) = (path for path in (tmp_path / "shown").rglob("*") if path.is_file())
    assert read_record(file).run.predictions_sha256 == plain["run"]["predictions_sha256"]
    assert told["summary"]["clips"] == 2
    assert len(told["clips"]) == 4
    Prompts.model_validate({name: value for name, value in told.items() if name != "summary"})


def test_the_table_of_a_run(tiny: str, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(
        capsys, "run", "-m", "dreampose3d", "-d", tiny, "--weights", str(weights), "--limit", "45", "--show-prompts"
    )
    assert out.index("MPJPE") < out.index("What each clip seems to be")
    assert "S2/sway/0" in out
    assert "S2/turn/0" not in out
    assert "nothing can be right or wrong" in out


def test_a_lifter_without_a_prompt_is_refused_before_the_work(
    tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = refused(capsys, 2, "run", "-m", "videopose3d", "-d", tiny, "--show-prompts")
    assert "videopose3d.open infers no action from the keypoints" in sentence
    assert "(dreampose3d)" in sentence
    # What a file says of itself counts, not what the tag would be.
    for prompt in ("random", "none"):
        own = weights_file(tmp_path / f"{prompt}.safetensors", prompt)
        sentence = refused(
            capsys, 2, "run", "-m", "dreampose3d", "-d", tiny, "--weights", str(own), "--show-prompts",
            "--records", str(tmp_path / "r"),
        )  # fmt: skip
        assert "infers no action from the keypoints" in sentence
        run(capsys, "run", "-m", "dreampose3d", "-d", tiny, "--weights", str(own), "--limit", "1")
    assert not list((tmp_path / "r").rglob("*.json"))


def test_a_name_that_is_none_of_its_own(tiny: str, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DreamPose3D, "label_of", lambda self, dataset, action: "yodelling")
    with pytest.raises(LifterContractError, match="the action 'sway' of tiny 'yodelling', which is none of its names"):
        describe_motions("dreampose3d", dataset=tiny, limit=1, weights=weights)


def test_a_tag_is_refused_before_its_weights_are_fetched(tiny: str) -> None:
    with pytest.raises(UsageError, match=r"d3dp\.h36m_243 infers no action"):
        describe_motions("d3dp", dataset=tiny)
