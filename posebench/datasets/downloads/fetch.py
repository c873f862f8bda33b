"""One file over HTTP: taken up where it stopped, checked, and there whole or not at all.

What has come so far lies beside the file as `<name>.part`; `<name>.part.etag` holds what the server called that
version of it, so that the rest of another version is never put behind it (RFC 9110, Range and If-Range).
"""

import errno
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from posebench.errors import DataDamagedError, DataMissingError, PosebenchError, UsageError
from posebench.hashing import hash_file

#: Called with (bytes here, bytes in all or None).
Report = Callable[[int, int | None], None]

#: How often in a row a connection may fail without a byte having come.
TRIES = 5
TIMEOUT_S = 30.0
_BLOCK = 1 << 18
wait = time.sleep


@dataclass(frozen=True)
class Remote:
    """A file to fetch: its address, where it goes, and what it must be. `by_hand` ends the error of one not handed out."""

    url: str
    path: Path
    bytes: int | None
    sha256: str | None
    by_hand: str


class _AgainError(Exception):
    """A failure that may pass."""


class _Part:
    """What has come of a file so far, and the server's name for the version it is of."""

    def __init__(self, path: Path) -> None:
        self.file = path.with_name(f"{path.name}.part")
        self._mark = path.with_name(f"{path.name}.part.etag")

    @property
    def size(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0

    @property
    def version(self) -> str:
        return self._mark.read_text(encoding="utf-8") if self._mark.exists() else ""

    def begin(self, version: str) -> None:
        self.drop()
        self._mark.write_text(version, encoding="utf-8")
        self.file.touch()

    def finish(self, path: Path) -> None:
        os.replace(self.file, path)
        self.drop()

    def drop(self) -> None:
        self.file.unlink(missing_ok=True)
        self._mark.unlink(missing_ok=True)


def fetch(remote: Remote, report: Report = lambda done, total: None) -> None:
    """Bring a file to its place, with longer and longer waits between tries.

    Raises `DataMissingError` when it cannot be had, `DataDamagedError` when it is not the file that was asked for
    (what came is removed), and `UsageError` when the disk is full. Whatever else stops it leaves the part that came.
    """
    part, failures, fresh = _Part(remote.path), 0, False
    remote.path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        before = part.size
        fresh = fresh or before == 0
        try:
            if remote.bytes is None or before < remote.bytes:
                _transfer(remote, part, report)
            fault = _fault(remote, part.file)
        except _AgainError as error:
            failures = 1 if part.size > before else failures + 1
            if failures >= TRIES:
                kept = f"; {part.size:,} bytes of it are kept" if part.size else ""
                raise DataMissingError(
                    f"{remote.url} cannot be had now ({error}){kept}: when the connection is back, run the same command again."
                ) from error
            wait(2.0 ** (failures - 1))
            continue
        if fault is None:
            part.finish(remote.path)
            return
        part.drop()
        if fresh:
            raise DataDamagedError(
                f"The file of {remote.url} {fault}, so its owner has changed it or the line has altered it; it was removed: "
                f"try once more, then {remote.by_hand}."
            )
        # The part was of a version that the server no longer has, or altered on this disk: all of it once more.


def _transfer(remote: Remote, part: _Part, report: Report) -> None:
    """Bring the rest of a file, or all of it; raises `_AgainError` for what may pass."""
    have = part.size if part.version or remote.sha256 else 0
    request = urllib.request.Request(remote.url, headers={"User-Agent": "posebench", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if part.version:
            request.add_header("If-Range", part.version)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            start, total = _place(remote, part, have, response)
            _receive(part, start, total, response, report)
    except urllib.error.HTTPError as error:
        error.close()
        _refuse(remote, part, error.code)
    except PosebenchError:
        raise
    except (http.client.HTTPException, OSError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise _AgainError(str(reason) or type(reason).__name__) from error


def _place(remote: Remote, part: _Part, have: int, response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Where in the file the body of an answer begins, and the size of the whole; begins a new part if that is 0."""
    version = _version(response)
    if response.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != have or (part.version and version and version != part.version):
            part.drop()
            raise _AgainError("the server sent another part of the file than was asked for")
        total = None if match[2] == "*" else int(match[2])
    else:
        have = 0
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
        part.begin(version)
    if remote.bytes is not None and total is not None and total != remote.bytes:
        part.drop()
        raise DataDamagedError(
            f"The file of {remote.url} has {total:,} bytes, and the one posebench knows {remote.bytes:,}: its owner has changed it; "
            f"{remote.by_hand}."
        )
    return have, total


def _version(response: http.client.HTTPResponse) -> str:
    """The validator that If-Range may carry: a strong ETag, else the date of the last change, else nothing."""
    tag = str(response.headers.get("ETag", ""))
    return tag if tag.startswith('"') else str(response.headers.get("Last-Modified", ""))


def _receive(part: _Part, start: int, total: int | None, response: http.client.HTTPResponse, report: Report) -> None:
    done = start
    with part.file.open("ab") as file:
        while block := response.read(_BLOCK):
            try:
                file.write(block)
                file.flush()
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise UsageError(
                    f"The disk of {part.file.parent} is full after {done:,} bytes of {part.file.stem}; make room and run the same "
                    "command again, which goes on from there."
                ) from error
            done += len(block)
            report(done, total)
    if total is not None and done < total:
        # http.client ends a body that is cut off like one that is complete.
        raise _AgainError(f"the connection broke after {done:,} of {total:,} bytes")


def _refuse(remote: Remote, part: _Part, status: int) -> None:
    if status == 416:
        part.drop()
        raise _AgainError("the server has fewer bytes than are here")
    if status in (408, 425, 429) or status >= 500:
        raise _AgainError(f"the server answers {status}")
    what = {401: "does not give", 403: "does not give", 404: "does not have", 410: "no longer has"}
    raise DataMissingError(
        f"The server {what.get(status, 'does not give')} {remote.url} (it answers {status}); {remote.by_hand}."
    )


def _fault(remote: Remote, file: Path) -> str | None:
    """What is wrong with a file that has come to its end."""
    size = file.stat().st_size
    if remote.bytes is not None and size != remote.bytes:
        return f"has {size:,} bytes, not {remote.bytes:,}"
    if remote.sha256 is not None and (found := hash_file(file)) != remote.sha256:
        return f"has sha256 {found[:12]}…, not {remote.sha256[:12]}…"
    return None
