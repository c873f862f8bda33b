"""A folder of results, written whole or not at all: what `posebench lift`, `generate`, `complete` and `denoise` leave."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from posebench.errors import UsageError


@dataclass(frozen=True)
class OutputKind:
    """The folders of a command: `names` are the files that one may hold, `told` is that whose head has `mark` in it."""

    command: str
    names: tuple[str, ...]
    told: str
    mark: str

    def check(self, folder: Path) -> None:
        """Raise `UsageError` for a path that is a file, or a folder that holds anything but what the command wrote."""
        if folder.is_dir():
            names = {path.name for path in folder.iterdir()}
            if names and not (names <= set(self.names) and self.told in names and self._is_ours(folder / self.told)):
                raise UsageError(
                    f"The folder {folder} holds other files than those of `posebench {self.command}`; give another --output."
                )
        elif folder.exists():
            raise UsageError(f"--output {folder} is a file; give a folder.")

    def _is_ours(self, file: Path) -> bool:
        with file.open(encoding="utf-8", errors="replace") as opened:
            return self.mark in opened.read(200)

    @contextmanager
    def written(self, folder: Path) -> Iterator[Path]:
        """A folder to fill, made beside the wanted one and renamed into its place when all went well.

        A folder that the command wrote is replaced; errors as `check`.
        """
        self.check(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            yield made
            # mkdtemp leaves a folder to its owner alone.
            made.chmod(0o777 & ~_umask())
            _replace_folder(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _replace_folder(made: Path, folder: Path) -> None:
    """A folder cannot be renamed over one that has files: the older one steps aside, and back if that fails."""
    if not folder.exists():
        os.replace(made, folder)
        return
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    os.replace(folder, aside)
    try:
        os.replace(made, folder)
    except OSError:
        os.replace(aside, folder)
        raise
    shutil.rmtree(aside)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
