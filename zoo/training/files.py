"""Files that are there whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path


def replace_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, bring it to the disk, then rename it into place.

    A process killed at any moment leaves the old file, or none, and at most
    one `.part` file that the next call overwrites.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace a text file whole."""
    replace_whole(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))
