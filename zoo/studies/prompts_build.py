"""The pages of `prompts.json`: tables that are a pure function of it, and pictures."""

from pathlib import Path

from posebench.errors import CheckFailedError
from posebench.files import write_text
from zoo.studies.prompts import FILE, PromptStudy, read_study
from zoo.studies.prompts_pictures import draw_affinity, draw_confusion
from zoo.studies.prompts_tables import confusion, to_csv, to_markdown


def build(study: PromptStudy, folder: Path) -> list[Path]:
    """Write tables and pictures into a folder that is there; returns where they lie."""
    paths = []
    for name, text in _tables(study).items():
        paths.append(folder / name)
        write_text(paths[-1], text)
    paths.append(folder / "confusion.png")
    draw_confusion(study.prompts, confusion(study.prompts), paths[-1])
    if study.affinity is not None:
        paths.append(folder / "affinity.png")
        draw_affinity(study.prompts.lifter, study.affinity, paths[-1])
    return paths


def check(folder: Path) -> None:
    """Raise `CheckFailedError` naming the first table in a folder that is not what its `prompts.json` gives."""
    for name, text in _tables(read_study(folder / FILE)).items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            raise CheckFailedError(
                f"{path} is not what {FILE} gives; run `python -m zoo prompts {folder / FILE} --out {folder}`."
            )


def _tables(study: PromptStudy) -> dict[str, str]:
    return {"confusion.csv": to_csv(confusion(study.prompts)), "nearest.md": to_markdown(study.prompts)}
