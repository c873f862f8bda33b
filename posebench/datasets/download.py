"""Fetching the files of a data set from its owner, where he gives them to anyone: resumed, checked, never half there."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from posebench.datasets.downloads.fetch import Remote, fetch
from posebench.datasets.downloads.manifest import DOWNLOADS, Download, Wanted
from posebench.datasets.downloads.members import take_out
from posebench.datasets.library import ensure_writable
from posebench.errors import UsageError
from posebench.files import write_text
from posebench.hashing import hash_file
from posebench.registry.decorators import DATASETS
from posebench.registry.entries import DatasetEntry
from posebench.registry.plugins import load_plugins

#: Called with (stage, done, all): `files`, `unpack` count files, `bytes` the bytes of one file.
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Outcome:
    """What a download did: how many files came, how many were there already, and what else a user should know."""

    folder: Path
    fetched: int
    present: int
    notes: tuple[str, ...]


def find_download(name: str) -> Download:
    """Where the files of a data set are had; raises `UsageError` that says why not and what to do instead."""
    load_plugins()
    entry = DATASETS.get(name)
    if name in DOWNLOADS:
        return DOWNLOADS[name]
    raise UsageError(f"The data set {name!r} cannot be downloaded by posebench: {_instead(entry)}.")


def _instead(entry: DatasetEntry) -> str:
    if entry.make().generated:
        return f"{entry.obtain}; run `posebench data prepare {entry.name}`"
    why = "its owner gives it to registered users only" if entry.gated else "posebench knows no address of it"
    page = f" ({entry.page})" if entry.page else ""
    return f"{why}; {entry.obtain}{page}, then run `posebench data prepare {entry.name} --source DIR`"


def download_dataset(
    name: str,
    folder: Path,
    mirror: str | None = None,
    accept_licence: bool = False,
    progress: Progress = lambda stage, done, total: None,
) -> Outcome:
    """Bring the files of a data set into a folder; those that are there and right are left alone.

    `mirror` is an address that stands for the owner's: what lies below it is the same. Raises `UsageError` for a data
    set that is not to be had so, a licence not accepted, a full disk; `DataMissingError` and `DataDamagedError` as
    `fetch` does.
    """
    download = find_download(name)
    if download.must_accept and not accept_licence:
        entry = DATASETS.get(name)
        raise UsageError(
            f"The licence of {name!r} must be accepted ({entry.licence}): {download.must_accept}; read it at {entry.page} and, if it "
            "lets you, add --accept-licence."
        )
    base = download.base if mirror is None else f"{mirror.rstrip('/')}/"
    if not base.startswith(("http://", "https://")):
        raise UsageError(
            f"The mirror {mirror!r} is no address that begins with http:// or https://; give one that does."
        )
    ensure_writable(folder)
    wanted = download.wanted()
    missing = tuple(item for item in wanted if not _is_right(folder / item.path, item))
    _check_room(folder, missing)
    notes = []
    if missing and download.archive is not None:
        notes += _from_archive(download, base, folder, missing, progress)
    elif missing:
        _one_by_one(name, base, folder, missing, progress)
    notes += _write_given(download, folder)
    return Outcome(folder, len(missing), len(wanted) - len(missing), tuple(notes))


def _one_by_one(name: str, base: str, folder: Path, missing: tuple[Wanted, ...], progress: Progress) -> None:
    page = DATASETS.get(name).page
    for done, item in enumerate(missing):
        progress("files", done, len(missing))
        by_hand = f"get it from {page} and put it at {folder / item.path}"
        fetch(
            Remote(base + item.path, folder / item.path, item.bytes, item.sha256, by_hand),
            lambda here, total: progress("bytes", here, total),
        )
    progress("files", len(missing), len(missing))


def _from_archive(
    download: Download, base: str, folder: Path, missing: tuple[Wanted, ...], progress: Progress
) -> list[str]:
    assert download.archive is not None
    archive = folder / Path(download.archive.path).name
    # An archive that a user fetched with his browser is as good as one fetched here.
    if not archive.exists() or (download.archive.sha256 and hash_file(archive) != download.archive.sha256):
        page = DATASETS.get(download.name).page
        by_hand = f"get it in a browser from {page}, put it at {archive} and run the same command again"
        fetch(
            Remote(base + download.archive.path, archive, None, download.archive.sha256, by_hand),
            lambda here, total: progress("bytes", here, total),
        )
    take_out(archive, missing, folder, lambda done, total: progress("unpack", done, total))
    return [f"{archive} ({archive.stat().st_size / 1e6:.0f} MB) is no longer needed"]


def _write_given(download: Download, folder: Path) -> list[str]:
    """Write posebench's own files; one that is there and differs is the user's, and is kept."""
    notes = []
    for path, text in download.given_texts().items():
        target = folder / path
        if not target.exists():
            write_text(target, text)
        elif target.read_text(encoding="utf-8-sig", errors="replace").splitlines() != text.splitlines():
            notes.append(f"{target} differs from posebench's and was kept")
    return notes


def _is_right(path: Path, item: Wanted) -> bool:
    return path.is_file() and path.stat().st_size == item.bytes and hash_file(path) == item.sha256


def _check_room(folder: Path, missing: tuple[Wanted, ...]) -> None:
    needed, free = sum(item.bytes for item in missing), shutil.disk_usage(folder).free
    if needed > free:
        raise UsageError(
            f"The files need {needed / 1e6:,.0f} MB and {folder} has room for {free / 1e6:,.0f}; make room or choose another folder."
        )
