"""Files that are there whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path


def replace_whole(path: Path, write: Callable[[Path], object], durable: bool = False) -> None:
    """Let `write` fill a file beside `path`, then rename it into place.

    A process killed at any moment leaves the old file, or none. `durable`
    brings the bytes to the disk first, for what must survive a power cut too.
    """
    part = _beside(path)
    try:
        part.touch()
        mode = part.stat().st_mode
        write(part)
        # safetensors leaves its files to their owner alone; a shared folder is read by others.
        part.chmod(mode)
        if durable:
            with part.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file whole by a content that is in memory: as `replace_whole`, in fewer calls of the file system."""
    part = _beside(path)
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Replace a text file whole, in UTF-8 with plain line ends; its folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_whole(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")
