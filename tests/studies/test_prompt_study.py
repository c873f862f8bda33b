"""What the prompt learned as a file, and the tables and pictures that are made of it alone."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from posebench.errors import CheckFailedError, DataDamagedError, DataMissingError, UsageError
from posebench.prediction.lifter import DescribingLifter, LifterInputs
from posebench.registry.resolve import model_tags
from posebench.results.prompts import ClipPrompt, Prompts, ordered
from posebench.skeletons import HUMAN36M_17
from zoo import vocabulary
from zoo.__main__ import app
from zoo.lifters.dreampose3d import DreamPose3D
from zoo.studies.prompts import FILE, Affinity, PromptStudy, affinity_of, read_study, write_study
from zoo.studies.prompts_build import build, check
from zoo.studies.prompts_tables import confusion, to_csv, to_markdown

SMALL: dict[str, Any] = {"frames": 5, "dim": 16, "depth": 1, "heads": 2, "prompt_dim": 16, "normalize": "person"}
STUDIES = Path(__file__).resolve().parents[2] / "leaderboards" / "studies"


def clip(name: str, action: str, label: str | None, first: dict[str, int], **probabilities: float) -> ClipPrompt:
    return ClipPrompt(
        clip=f"S1/{action}/{name}", action=action, label=label, cameras=1, windows=sum(first.values()),
        probabilities=ordered(probabilities, probabilities.values()), first=first,
    )  # fmt: skip


def by_hand(*more: ClipPrompt) -> Prompts:
    return Prompts(
        lifter="dreampose3d.tiny", weights_sha256=None, protocol="sport/standard+gt@1", inputs_hash="1", fingerprint="2",
        limit=None, names=("walk", "run", "kick"),
        clips=(
            clip("0", "Penalty", "kick", {"kick": 3, "run": 1}, kick=0.7, run=0.2, walk=0.1),
            clip("1", "Penalty", "kick", {"run": 2}, run=0.6, kick=0.3, walk=0.1),
            clip("0", "Jog", "run", {"run": 5}, run=0.9, walk=0.1, kick=0.0),
            *more,
        ),
    )  # fmt: skip


BOWING = clip("0", "Bow", None, {"walk": 1, "kick": 1}, walk=0.5, kick=0.4, run=0.1)


def affinity() -> Affinity:
    lifter = DreamPose3D(**SMALL)
    assert lifter.network.affinity is not None
    with torch.no_grad():
        lifter.network.affinity.learned[13, 16] = 0.3
    made = affinity_of(lifter)
    assert made is not None
    return made


# What the lifter says


def test_the_answer_is_a_softmax_of_cosines() -> None:
    torch.manual_seed(0)
    lifter = DreamPose3D(**SMALL, actions=["walking", "kicking"]).eval()
    assert isinstance(lifter, DescribingLifter)
    prompt = lifter.network.prompt
    assert prompt is not None
    shown = LifterInputs(500 + 99 * torch.randn(3, 5, 17, 2), torch.ones(3, 5, 17), torch.tensor([1e3, 1e3]), 50.0)
    with torch.inference_mode():
        features = prompt(lifter.normalise(shown.keypoints, shown.image_size)).features
        # An action whose vector is the first window's own, and one whose is its opposite.
        prompt.text.vectors.copy_(torch.stack([-features[0], features[0]]))  # type: ignore[operator, union-attr]
        described = lifter.describe(shown)
    assert described.names == ("walking", "kicking")
    cosine = torch.cosine_similarity(features, features[:1])
    expected = torch.sigmoid(2 * cosine / 0.07)
    torch.testing.assert_close(described.scores[:, 1], expected, rtol=1e-4, atol=1e-6)
    assert described.scores[0, 1] > 1 - 1e-6


def test_its_names_for_actions_are_those_it_was_made_with() -> None:
    lifter = DreamPose3D(**SMALL, actions=["walking", "kicking"])
    assert lifter.label_of("hdm05", "kickLFront1Reps") == "kicking"
    assert lifter.label_of("hdm05", "squat1Reps") is None
    assert lifter.label_of("hdm05", "yodel") is None
    for prompt in ("random", "none"):
        without = DreamPose3D(**SMALL, prompt=prompt)
        assert not without.spec.describes
        with pytest.raises(UsageError, match="no prompt that is made of keypoints"):
            without.describe(LifterInputs(torch.zeros(1, 5, 17, 2), torch.ones(1, 5, 17), torch.ones(2), 50.0))


def test_the_affinity_in_three_parts() -> None:
    made = affinity()
    whole, local = torch.tensor(made.whole), torch.tensor(made.local)
    assert torch.equal(whole, whole.T)
    assert torch.equal(local, local.T)
    assert (whole - local)[13, 16].item() == pytest.approx(0.15, abs=1e-4)
    assert made.joints == HUMAN36M_17.joints
    assert affinity_of(DreamPose3D(**SMALL, affinity=False)) is None
    assert affinity_of(torch.nn.Identity()) is None


# The tables


def test_the_confusion_of_prompts_made_by_hand() -> None:
    table = confusion(by_hand(BOWING))
    # Actions with a name first, in the order of the names; names of an action first.
    assert table.names == ("run", "kick", "walk")
    assert table.named == 2
    assert [(row.action, row.label, row.clips, row.counts) for row in table.rows] == [
        ("Jog", "run", 1, (5, 0, 0)),
        ("Penalty", "kick", 2, (3, 3, 0)),
        ("Bow", None, 1, (0, 1, 1)),
    ]
    assert table.rows[1].shares == (0.5, 0.5, 0.0)
    rows = list(csv.reader(to_csv(table).splitlines()))
    assert rows[0] == ["action", "label", "clips", "windows", "run", "kick", "walk"]
    assert rows[2:] == [["Penalty", "kick", "2", "6", "3", "3", "0"], ["Bow", "", "1", "2", "0", "1", "1"]]


def test_the_nearest_names() -> None:
    text = to_markdown(by_hand(BOWING))
    assert "66.7% of 3 clips and 72.7% of 11 windows; by chance: 33.3% (any of 3 names), 66.7% of clips" in text
    assert "| Penalty  | kick       | 1 of 2        | kick 50 %, run 40 %, walk 10 % |" in text
    assert "| S1/Penalty/1 | kick       | no      | run 60 %, kick 30 %, walk 10 % |" in text
    assert "| S1/Bow/0     | –          | –       | walk 50 %, kick 40 %, run 10 % |" in text


# The file


@pytest.mark.parametrize("with_affinity", [True, False])
def test_all_is_made_again_from_the_file(tmp_path: Path, with_affinity: bool) -> None:
    study = PromptStudy(affinity=affinity() if with_affinity else None, prompts=by_hand(BOWING))
    one, other = tmp_path / "one", tmp_path / "other"
    read = read_study(write_study(study, one))
    assert read == study
    other.mkdir()
    assert write_study(read, other).read_bytes() == (one / FILE).read_bytes()
    names = [path.name for path in build(study, one)]
    assert names == ["confusion.csv", "nearest.md", "confusion.png", *(["affinity.png"] if with_affinity else [])]
    build(read, other)
    for name in names:
        assert (other / name).read_bytes() == (one / name).read_bytes()
    assert (one / "confusion.png").read_bytes().startswith(b"\x89PNG")
    check(one)
    (one / "nearest.md").write_text("better numbers")
    with pytest.raises(CheckFailedError, match=r"nearest\.md is not what prompts\.json gives; run"):
        check(one)


@pytest.mark.parametrize("clips", [(BOWING,), ()])
def test_pictures_of_little(tmp_path: Path, clips: tuple[ClipPrompt, ...]) -> None:
    few = by_hand().model_copy(update={"clips": clips or by_hand().clips[:1]})
    for path in build(PromptStudy(affinity=None, prompts=few), tmp_path):
        assert path.stat().st_size > 0


def _summary(value: dict[str, Any]) -> None:
    value["prompts"]["summary"]["right_clips"] = 1.0


def _probability(value: dict[str, Any]) -> None:
    value["prompts"]["clips"][0]["probabilities"]["run"] = "much"


def _format(value: dict[str, Any]) -> None:
    value["format"] = 2


def _not_finite(value: dict[str, Any]) -> None:
    value["affinity"]["whole"][0][0] = math.nan


def _ragged(value: dict[str, Any]) -> None:
    value["affinity"]["local"][3].pop()


def _row_less(value: dict[str, Any]) -> None:
    value["affinity"]["whole"].pop()


def _clip(key: str, changed: Any) -> Any:
    """Change a key of the first clip: three of its windows are nearest to `kick`, one to `run`."""
    return lambda value: value["prompts"]["clips"][0].update({key: changed})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_summary, "summary in .* is not that of its clips"),
        (_probability, r"not valid: prompts\.clips\.0\.probabilities\.run"),
        (_format, "not valid: format"),
        (_not_finite, r"not valid: affinity\.whole\.0\.0"),
        (_ragged, "affinity: `local` does not have a row and a column for each of 17 joints; make it again"),
        (_row_less, "affinity: `whole` does not have a row"),
        (_clip("probabilities", {"kick": 0.7, "run": 0.2}), "S1/Penalty/0 does not have one probability for each"),
        (_clip("probabilities", {"run": 0.2, "kick": 0.7, "walk": 0.1}), "probabilities of S1/Penalty/0 do not fall"),
        (_clip("probabilities", {"kick": 1.7, "run": 0.2, "walk": 0.1}), r"probabilities\.kick"),
        (_clip("first", {"kick": 3, "yodel": 1}), "S1/Penalty/0 is called 'yodel', which is none of the names"),
        (_clip("label", "yodel"), "S1/Penalty/0 is called 'yodel'"),
        (_clip("first", {"kick": 3}), "has 4 windows, and as many are not in `first`"),
        (lambda value: value["prompts"]["names"].append("run"), "a name stands twice"),
        (lambda value: value.pop("prompts"), "is no file of `python -m zoo prompts`"),
        (lambda value: value["prompts"].pop("summary"), "is no file of `python -m zoo prompts`"),
    ],
)
def test_a_spoilt_file_is_one_sentence(tmp_path: Path, spoil: Any, message: str) -> None:
    path = write_study(PromptStudy(affinity=affinity(), prompts=by_hand()), tmp_path)
    value = json.loads(path.read_text())
    spoil(value)
    path.write_text(json.dumps(value))
    with pytest.raises(DataDamagedError, match=message):
        read_study(path)


@pytest.mark.parametrize("text", ["", "[]", "{", '"x"', '{"prompts": 3}'])
def test_what_is_no_such_file(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(DataDamagedError, match="is no file of"):
        read_study(tmp_path / FILE)
    with pytest.raises(DataMissingError, match=r"There is no .*absent\.json; make it with `python -m zoo prompts TAG"):
        read_study(tmp_path / "absent.json")


def test_every_bundled_lifter_with_a_prompt_has_its_committed_tables() -> None:
    """And every committed file is of bundled weights, whose tables it gives."""
    weights = {tag.name: tag.described.weights for tag in model_tags() if tag.entry.spec(tag.config).describes}
    bundled = {(name, found.sha256) for name, found in weights.items() if found is not None}
    folders = [path.parent for path in STUDIES.rglob(FILE)]
    for folder in folders:
        check(folder)
    prompts = [read_study(folder / FILE).prompts for folder in folders]
    assert {(found.lifter, found.weights_sha256) for found in prompts} == bundled


# The command


def test_the_command(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vocabulary._LABELS, ("tiny", "sway"), "walking")
    config = {**SMALL, "prompt": "learned", "hypotheses": 1, "steps": 1}
    state = {name: value.contiguous() for name, value in DreamPose3D(**config).state_dict().items()}
    weights = tmp_path / "small.safetensors"
    save_file(state, weights, metadata={"posebench": json.dumps({"arch": "dreampose3d", "config": config})})
    run = CliRunner().invoke
    made = run(app, ["prompts", "dreampose3d", "-d", tiny, "--weights", str(weights), "-o", str(tmp_path / "one")])
    assert made.exit_code == 0, made.output
    files = {FILE, "confusion.csv", "nearest.md", "confusion.png", "affinity.png"}
    assert {path.name for path in (tmp_path / "one").iterdir()} == files
    assert [row.label for row in confusion(read_study(tmp_path / "one" / FILE).prompts).rows] == ["walking", None]
    again = run(app, ["prompts", str(tmp_path / "one" / FILE), "-o", str(tmp_path / "two")])
    assert again.exit_code == 0, again.output
    for name in files:
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    refused = run(app, ["prompts", str(tmp_path / "one" / FILE), "-d", tiny, "-o", str(tmp_path / "three")])
    assert "leave --dataset away" in str(refused.exception)
    refused = run(app, ["prompts", str(tmp_path / "one" / FILE), "--device", "cpu", "-o", str(tmp_path / "three")])
    assert "leave --device away" in str(refused.exception)
    assert not (tmp_path / "three").exists()
    assert "infers no action" in str(run(app, ["prompts", "d3dp", "-d", tiny, "-o", str(tmp_path / "four")]).exception)
