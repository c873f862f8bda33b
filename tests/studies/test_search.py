"""A search: its page is what its cards say, cards and samplings of something else are refused, and the command gathers both."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from posebench.errors import CheckFailedError, DataDamagedError, DataMissingError, UsageError
from zoo.__main__ import app
from zoo.studies import search_page
from zoo.studies.search import SAMPLED, Found, Sampled, Search, load_search, read_found, read_sampled
from zoo.studies.search_make import sample
from zoo.studies.search_page import PAGE, render
from zoo.studies.study import load_study
from zoo.training.config import CONFIGS
from zoo.training.progress import Reporter

STUDIES = Path(__file__).resolve().parents[2] / "leaderboards" / "studies"
NAME = "dreampose3d_search"
BUNDLED = "dreampose3d.open_27"


@pytest.fixture(scope="module")
def bundled() -> Search:
    return load_search(NAME)


def test_trials_change_one_thing_each(bundled: Search) -> None:
    found = bundled.configurations
    assert {config.steps * config.batch_size for config in found.values()} == {1500 * 32}
    own = {"tag", "summary"}
    for trial in bundled.trials[1:]:
        config, against = found[trial.configuration], found[bundled.against(trial)]
        base, value = against.model_dump(exclude=own), config.model_dump(exclude=own)
        changed = {key for key in base if value[key] != base[key]}
        size = {"lifter"} if "at the size of the bundled" in trial.what else set()
        assert len(changed - {"steps", "warmup_steps", "validate_every"} - size) == 1, config.tag
    assert len({config.hash for config in found.values()}) == len(bundled.trials)


def test_every_configuration_of_a_search_stands_in_it(bundled: Search) -> None:
    assert {path.stem for path in (CONFIGS / "search").glob("*.yaml")} == set(bundled.configurations)


def test_the_issue_is_asked(bundled: Search) -> None:
    asked = {trial.asks for trial in bundled.trials}
    assert {"capacity", "learning rate", "loss weights", "data mix"} <= asked
    assert bundled.sampling is not None
    assert {steps for _, steps in bundled.sampling.pairs} >= {1, 2, 5}


def test_the_committed_page_is_what_its_cards_give(bundled: Search) -> None:
    search_page.check(bundled, STUDIES / NAME)


def found(parameters: int, minutes: float | None, **errors: float) -> Found:
    return Found(parameters, minutes, {name.replace("_", "/"): value for name, value in errors.items()})


def searched(**sampling: Any) -> Search:
    trials = [
        {"configuration": "dreampose3d.search_base", "asks": "reference", "what": "as it is"},
        {"configuration": "dreampose3d.search_data_no_cmu", "asks": "data mix", "what": "no CMU"},
        {"configuration": "dreampose3d.search_dim_64", "asks": "capacity", "what": "64 channels",
         "against": "dreampose3d.search_data_no_cmu"},
    ]  # fmt: skip
    return Search.model_validate({"name": "s", "title": "T", "summary": "S.", "trials": trials, **sampling})


def test_a_difference_is_over_what_both_have() -> None:
    cards = {
        "dreampose3d.search_base": found(1234, 4.6, cmu_gt=10.0, hdm05_gt=50.0, procedural_gt=60.0),
        "dreampose3d.search_data_no_cmu": found(1234, None, hdm05_gt=49.0, procedural_gt=58.0),
    }
    lines = render(searched(), cards, None).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    labels = ["cmu/gt", "hdm05/gt", "procedural/gt"]
    assert cells[0] == ["trial", "asks", "change", "than", "difference", "mean", *labels, "parameters", "minutes"]
    assert cells[2] == ["base", "reference", "as it is", "–", "–", "40.0", "10.0", "50.0", "60.0", "1,234", "5"]
    assert cells[3] == ["data_no_cmu", "data mix", "no CMU", "base", "-1.5", "–", "–", "49.0", "58.0", "1,234", "–"]
    assert cells[4] == ["dim_64", "capacity", "64 channels", "data_no_cmu", "not trained yet", *"––––––"]
    cards["dreampose3d.search_dim_64"] = found(9876, 9.0, hdm05_gt=48.0, procedural_gt=60.0)
    assert "| data_no_cmu | +0.5 " in " ".join(render(searched(), cards, None).splitlines()[-1].split())


def test_hypotheses_and_steps_are_shown() -> None:
    rows = [{"hypotheses": 5, "steps": 2, "errors": {"b/gt": 3.0, "a/gt": 2.0}}]
    value = {"configuration": BUNDLED, "weights_sha256": "0" * 64, "fingerprints": {}, "rows": rows}
    page = render(searched(), {}, Sampled.model_validate(value))
    assert page.splitlines()[-1].split() == ["|", "5", "|", "2", "|", "2.50", "|", "2.00", "|", "3.00", "|"]


# The evidence


@pytest.fixture
def place(trained: Path, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results for a search over the configurations of the small study."""
    tags = sorted(path.stem for path in (trained / "configs").glob("*.yaml") if (trained / "runs" / path.stem).is_dir())
    trials = [{"configuration": tag, "asks": "size", "what": tag} for tag in tags]
    (tmp_path / "tries.yaml").write_text(yaml.safe_dump({"title": "T", "summary": "S.", "trials": trials}))
    monkeypatch.setattr("zoo.training.config.CONFIGS", trained / "configs")
    monkeypatch.setattr("zoo.studies.study.STUDIES", tmp_path)
    return tmp_path / "results" / "tries"


def command(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["search", *arguments])


@pytest.fixture
def gathered(trained: Path, place: Path) -> Path:
    result = command("tries", "--runs", str(trained / "runs"), "--dir", str(place.parent))
    assert result.exit_code == 0, result.output
    return place


def test_the_command_gathers_what_is_finished(gathered: Path) -> None:
    search = load_search("tries")
    cards = read_found(search, gathered)
    assert cards.keys() == search.configurations.keys()
    for tag, card in cards.items():
        text = (gathered / "cards" / f"{tag}.md").read_text()
        assert f"{card.parameters:,} parameters" in text
        assert all(f"{value:.1f}" in text for value in card.errors.values())
    assert "not trained yet" not in (gathered / PAGE).read_text()
    result = command("tries", "--check", "--dir", str(gathered.parent))
    assert result.exit_code == 0
    assert f"agrees with its {len(cards)} cards" in result.output


def test_a_changed_page_or_card_is_refused(gathered: Path) -> None:
    search = load_search("tries")
    tag = next(iter(search.configurations))
    card = gathered / "cards" / f"{tag}.md"
    text = card.read_text()
    (gathered / PAGE).write_text((gathered / PAGE).read_text().replace("size", "dim"))
    with pytest.raises(CheckFailedError, match="is not what its cards give"):
        search_page.check(search, gathered)
    card.write_text(text.replace("- Configuration: sha256 `", "- Configuration: sha256 `0"))
    with pytest.raises(CheckFailedError, match="does not stand for"):
        read_found(search, gathered)
    card.write_text(text.replace("| MPJPE ", "| error ").replace("| gt ", "| cpn "))
    with pytest.raises(CheckFailedError, match="is not the card of a finished run"):
        read_found(search, gathered)


def test_samplings_of_other_weights_are_refused(tmp_path: Path) -> None:
    rows = [{"hypotheses": 1, "steps": 1, "errors": {"a/gt": 2.0}}]
    value = {"configuration": BUNDLED, "weights_sha256": "0" * 64, "fingerprints": {}, "rows": rows}
    (tmp_path / SAMPLED).write_text(json.dumps(value))
    asks = {"sampling": {"configuration": BUNDLED, "pairs": [[1, 1]]}}
    with pytest.raises(CheckFailedError, match="is of other weights than"):
        read_sampled(searched(**asks), tmp_path)
    with pytest.raises(CheckFailedError, match="does not ask"):
        read_sampled(searched(), tmp_path)


def test_what_is_no_sampling_is_refused(tmp_path: Path) -> None:
    asks = {"sampling": {"configuration": BUNDLED, "pairs": [[1, 1]]}}
    for text in ("", "{", "[]", '{"rows": []}'):
        (tmp_path / SAMPLED).write_text(text)
        with pytest.raises(DataDamagedError, match=f"The sampling .*{SAMPLED} is not valid"):
            read_sampled(searched(**asks), tmp_path)


def test_a_device_that_is_not_here_is_refused(tmp_path: Path) -> None:
    with Reporter() as reporter, pytest.raises(UsageError, match="The device 'cuda:99' is not on this machine"):
        sample(searched(sampling={"configuration": BUNDLED, "pairs": [[1, 1]]}), tmp_path, "cuda:99", reporter)


def test_wrong_names() -> None:
    with pytest.raises(DataMissingError, match="There is no search 'lost'"):
        load_search("lost")
    with pytest.raises(UsageError, match=f"is a search: run `python -m zoo search {NAME}`"):
        load_study(NAME)
    with pytest.raises(UsageError, match=r"search dreampose3d\.yaml is wrong at key"):
        load_search("dreampose3d")
