"""What stands behind the records of a study: each disagreement is found and named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_study import command

from posebench.errors import CheckFailedError, UsageError
from posebench.hashing import hash_file
from zoo.studies import evaluate
from zoo.studies.evidence import records_of
from zoo.studies.study import Study, load_study
from zoo.studies.tables import check
from zoo.training.progress import Reporter


def test_disagreements(trained: Path, evaluated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One test, for the records take seconds: each is found and named, and mended before the next."""
    study, folder = load_study("parts"), evaluated

    def found(path: Path, change: Callable[[str], str], message: str) -> None:
        text = path.read_text()
        path.write_text(change(text))
        with pytest.raises(CheckFailedError, match=message):
            check(study, folder)
        path.write_text(text)

    def edited(change: Callable[[Any], None]) -> Callable[[str], str]:
        def change_text(text: str) -> str:
            value = json.loads(text)
            change(value)
            return json.dumps(value)

        return change_text

    record = min((folder / "records" / "dreampose3d.plain").rglob("*.json"))
    found(
        folder / "ablations.md", lambda text: text.replace("2 of 2", "3 of 3"), r"ablations\.md, line \d+ is .*3 of 3"
    )
    found(folder / "curves.csv", lambda text: text.rpartition("dreampose3d.whole")[0], r"curves\.csv, line")
    flatter = edited(lambda value: value["results"]["honest"]["p-agg"].update(mpjpe=1.0))
    found(record, flatter, "do not follow from its sequences")
    found(
        record,
        edited(lambda value: value["lifter"].update(weights_sha256="0" * 64)),
        r"plain\.md does not stand for the record .*sha256 000000000000…",
    )
    card = folder / "cards" / "dreampose3d.plain.md"
    of_now, before = (study.configurations["dreampose3d.plain"], {"steps": 4})
    found(
        card,
        lambda text: text.replace(of_now.hash, of_now.model_copy(update=before).hash),
        "does not name that configuration as it is now",
    )
    store = read_store(card)
    found(card, lambda text: text.replace(store, "0" * 64), "does not name the same prepared data as the other cards")
    found(record, edited(lambda value: value["lifter"]["config"].update(prompt="learned")), "not of the lifter that")
    found(record, edited(lambda value: value.update(kind="smoke")), "not one of a whole plain run")
    found(
        record,
        edited(lambda value: value["data"].update(fingerprint="0" * 64)),
        "differ in the protocol's value or in the data",
    )
    (folder / "curves.png").rename(folder / "kept.png")
    with pytest.raises(CheckFailedError, match="picture"):
        check(study, folder)
    (folder / "kept.png").rename(folder / "curves.png")
    assert check(study, folder)

    for tag in ("dreampose3d.whole_s1", "dreampose3d.never"):
        taken_over(study, folder, tag)
    other_weights(trained, folder, monkeypatch)


def read_store(card: Path) -> str:
    """The fingerprint in a card."""
    return card.read_text().split("- sway: `")[1][:64]


def taken_over(study: Study, folder: Path, tag: str) -> None:
    """Records of the row `whole` under the name of another configuration of the very lifter, which differs in the seed or a loss."""
    shutil.copytree(folder, place := folder.with_name("taken"))
    shutil.rmtree(records_of(place, tag), ignore_errors=True)
    shutil.copytree(records_of(place, "dreampose3d.whole"), records_of(place, tag))
    whole, card = place / "cards" / "dreampose3d.whole.md", place / "cards" / f"{tag}.md"
    shutil.copy(whole, card)
    with pytest.raises(CheckFailedError, match=f"{tag}.md does not stand for the record"):
        check(study, place)
    # Even where the card is rewritten.
    configurations = study.configurations
    text = whole.read_text().replace("# dreampose3d.whole\n", f"# {tag}\n", 1)
    card.write_text(text.replace(configurations["dreampose3d.whole"].hash, configurations[tag].hash))
    with pytest.raises(CheckFailedError, match=rf"of {tag} is of the very weights that dreampose3d\.whole has"):
        check(study, place)
    shutil.rmtree(place)


def other_weights(trained: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs whose weights are not those of their configuration, or not those that have records, are refused."""
    runs = Path(shutil.copytree(trained / "runs", folder.with_name("runs")))
    arguments = ("parts", "--runs", str(runs), "--dir", str(folder.parent))

    def file(tag: str, kind: str = "safetensors") -> Path:
        return runs / tag / f"{tag}.{kind}"

    # Of another seed.
    shutil.copy(file("dreampose3d.whole"), file("dreampose3d.whole_s1"))
    assert command(*arguments, monkeypatch=monkeypatch) == UsageError.exit_code
    shutil.copy(
        trained / "runs" / "dreampose3d.whole_s1" / file("dreampose3d.whole_s1").name, file("dreampose3d.whole_s1")
    )
    assert command(*arguments, monkeypatch=monkeypatch) == 0
    # Of the same configuration, trained again.
    weights, card = file("mixste.beside"), file("mixste.beside", "md")
    with safe_open(weights, framework="pt") as opened:
        metadata = opened.metadata()
    before = hash_file(weights)
    save_file({name: value + 1 for name, value in load_file(weights).items()}, weights, metadata)
    assert command(*arguments, monkeypatch=monkeypatch) == UsageError.exit_code
    card.write_text(card.read_text().replace(before, hash_file(weights)))
    assert command(*arguments, monkeypatch=monkeypatch) == UsageError.exit_code
    with pytest.raises(UsageError, match="has records of other weights"):
        evaluate.evaluate_study(load_study("parts"), runs, folder, "cpu", Reporter())
