"""Taking known files out of a zip archive: by name, with the size and hash they must have, and nothing else."""

import hashlib
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from posebench.datasets.downloads.manifest import Wanted
from posebench.errors import DataDamagedError, DataMissingError
from posebench.files import replace_whole

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


def take_out(archive: Path, wanted: tuple[Wanted, ...], folder: Path, report: Callable[[int, int], None]) -> None:
    """Write each wanted file below `folder`; the archive's own paths are not used, and no more is unpacked than wanted.

    Raises `DataDamagedError` for an archive that is none, or whose file of that name is another, and
    `DataMissingError` for one that lacks files; what was taken out before stays.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members: dict[str, list[zipfile.ZipInfo]] = {}
            for info in opened.infolist():
                members.setdefault(info.filename.rpartition("/")[2].lower(), []).append(info)
            absent = [item.path for item in wanted if Path(item.path).name.lower() not in members]
            if absent:
                raise DataMissingError(
                    f"The archive {archive} lacks {len(absent)} of {len(wanted)} files, first {Path(absent[0]).name}; it is "
                    "not the one posebench knows: delete it and get it again."
                )
            for done, item in enumerate(wanted, start=1):
                _take(opened, archive, members[Path(item.path).name.lower()], item, folder / item.path)
                report(done, len(wanted))
    except _DAMAGE as error:
        raise DataDamagedError(
            f"The archive {archive} is not a whole zip archive ({error}); delete it and run the same command again."
        ) from error


def _take(
    opened: zipfile.ZipFile, archive: Path, candidates: list[zipfile.ZipInfo], item: Wanted, target: Path
) -> None:
    for info in candidates:
        # A member of another size is not the file, whatever it would unpack to.
        if info.file_size != item.bytes:
            continue
        with opened.open(info) as member:
            content = member.read(item.bytes)
        if hashlib.sha256(content).hexdigest() == item.sha256:
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_whole(target, lambda part, content=content: part.write_bytes(content))  # type: ignore[misc]
            return
    raise DataDamagedError(
        f"The file {Path(item.path).name} in the archive {archive} is not the one posebench knows (size or sha256 differs): "
        "its owner has changed it; take it from an older copy of the archive."
    )
