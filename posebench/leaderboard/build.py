"""Writing the tables, and checking that what is committed is what the records give."""

import json
from pathlib import Path

from posebench.errors import CheckFailedError, DataMissingError
from posebench.files import write_text
from posebench.leaderboard.collect import Board, collect
from posebench.leaderboard.completion import render_completions
from posebench.leaderboard.picture import draw_board, has_picture
from posebench.leaderboard.reported import own_ledger, section
from posebench.leaderboard.tables import to_csv, to_index, to_json, to_markdown

TABLES = (".md", ".csv", ".json")
#: Of boards of many hypotheses, beside their page.
PICTURE = ".png"
RECORDS = "records"
#: The folder of the tables of completion, with records of their own.
COMPLETION = "completion"
#: What else lies in the folder: studies with pages and records of their own.
STUDIES = "studies"


def render(folder: Path) -> dict[str, str]:
    """Every table that the records in `folder/records` give: relative path to content.

    Pages end with what papers report under the same protocol, from posebench's own manifest.
    """
    return _render(folder, _boards(folder))


def _boards(folder: Path) -> list[Board]:
    records = folder / RECORDS
    if not records.is_dir():
        raise DataMissingError(f"There is no folder {records}; give the leaderboard folder with --dir.")
    return collect(records)


def _render(folder: Path, boards: list[Board]) -> dict[str, str]:
    ledger = own_ledger()
    files = {"README.md": to_index(boards)}
    for board in boards:
        name = board.protocol
        picture = f"{name.rpartition('/')[2]}{PICTURE}" if has_picture(board) else None
        files[f"{name}.md"] = to_markdown(board, picture) + section(ledger, name)
        files[f"{name}.csv"], files[f"{name}.json"] = to_csv(board), to_json(board)
    completions = render_completions(folder / COMPLETION / RECORDS)
    files |= {f"{COMPLETION}/{name}": content for name, content in completions.items()}
    return files


def build(folder: Path) -> list[str]:
    """Write the tables and remove those no record stands behind; returns the paths that changed."""
    boards = _boards(folder)
    files = _render(folder, boards)
    changed = []
    for name, content in files.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            write_text(path, content)
            changed.append(name)
    pictures = {f"{board.protocol}{PICTURE}": board for board in boards if has_picture(board)}
    for name, board in pictures.items():
        # Other versions of its library draw other bytes: drawn again only where the numbers are others.
        if f"{board.protocol}.json" in changed or not (folder / name).exists():
            draw_board(board, folder / name)
            changed.append(name)
    for name in _committed(folder) - files.keys() - pictures.keys():
        (folder / name).unlink()
        changed.append(name)
    return sorted(changed)


def check(folder: Path) -> int:
    """Compare the committed tables with the records; returns the number of tables.

    Raises `CheckFailedError` naming the first table and row that differ.
    """
    boards = _boards(folder)
    files = _render(folder, boards)
    pictures = {f"{board.protocol}{PICTURE}" for board in boards if has_picture(board)}
    committed = _committed(folder)
    for name in sorted(
        files.keys() | pictures | committed, key=lambda n: (not n.endswith(".json"), n)
    ):  # JSON first: it names rows
        what = "picture" if name.endswith(PICTURE) else "table"
        if name not in committed:
            raise CheckFailedError(f"The {what} {name} is not committed; run `posebench leaderboard build`.")
        if name not in files and name not in pictures:
            raise CheckFailedError(f"No record stands behind the {what} {name}; run `posebench leaderboard build`.")
        if name in pictures:
            continue  # only looked for
        have = (folder / name).read_text(encoding="utf-8")
        if have != files[name]:
            raise CheckFailedError(
                f"{_difference(name, have, files[name])}; run `posebench leaderboard build` if the records are right."
            )
    return len(files)


def _committed(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix in (*TABLES, PICTURE) and _is_table(path.relative_to(folder).parts)
    }


def _is_table(place: tuple[str, ...]) -> bool:
    own = place[1:] if place[0] == COMPLETION else place
    return own[0] not in (RECORDS, STUDIES) and not place[-1].startswith(".")


def _difference(name: str, have: str, want: str) -> str:
    if name.endswith(".json"):
        try:
            ours, theirs = json.loads(want)["rows"], json.loads(have)["rows"]
        except (ValueError, KeyError):
            return f"The table {name} is not the JSON of a table"
        for i, row in enumerate(ours):
            if i >= len(theirs) or theirs[i] != row:
                return (
                    f"In {name} the row {i + 1}, {row['lifter']} ({row['column']}), differs from record {row['record']}"
                )
        if len(theirs) > len(ours):
            return f"In {name} the row {len(ours) + 1}, {theirs[len(ours)].get('lifter')}, has no record"
    lines = zip([*have.splitlines(), ""], [*want.splitlines(), ""], strict=False)
    number, (got, wanted) = next(((i, pair) for i, pair in enumerate(lines, 1) if pair[0] != pair[1]), (0, ("", "")))
    return f"In {name}, line {number} is {got[:160]!r} where the records give {wanted[:160]!r}"
