"""Downloads against a server on loopback: resumed, checked, whole or not there, each failure one sentence."""

import errno
import hashlib
import random
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from evil_files import zip_of
from file_server import FileServer, serving

from posebench.datasets.download import download_dataset
from posebench.datasets.downloads import fetch as fetching
from posebench.datasets.downloads.fetch import TRIES, Remote, fetch
from posebench.datasets.downloads.manifest import DOWNLOADS, Archive, Download, Wanted
from posebench.datasets.downloads.members import take_out
from posebench.errors import DataDamagedError, DataMissingError, UsageError

CONTENT = random.Random(0).randbytes(300_000)
OTHER = random.Random(1).randbytes(300_000)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between tries, which are not waited here."""
    waited: list[float] = []
    monkeypatch.setattr(fetching, "wait", waited.append)
    return waited


@pytest.fixture
def server(waits: list[float]) -> Iterator[FileServer]:
    with serving() as server:
        server.files["file.bin"] = CONTENT
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "to" / "file.bin"


def remote(server: FileServer, target: Path, known: bool = True) -> Remote:
    size, digest = (len(CONTENT), sha256(CONTENT)) if known else (None, None)
    return Remote(f"{server.address}/file.bin", target, size, digest, "ask the owner")


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_a_file_comes_whole_and_nothing_else_stays(server: FileServer, target: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    fetch(remote(server, target), lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert left(target) == ["file.bin"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert server.asked == [("file.bin", None, None)]


@pytest.mark.parametrize("known", [True, False])
def test_a_broken_connection_is_taken_up_where_it_broke(
    server: FileServer, target: Path, waits: list[float], known: bool
) -> None:
    server.cuts = [100_000, 50_000]
    fetch(remote(server, target, known))
    assert target.read_bytes() == CONTENT
    assert [asked[1:] for asked in server.asked] == [
        (None, None),
        ("bytes=100000-", '"one"'),
        ("bytes=150000-", '"one"'),
    ]
    assert waits == [1, 1]


def test_a_part_of_an_earlier_command_is_taken_up(server: FileServer, target: Path) -> None:
    server.cuts = [100_000] + [0] * TRIES
    with pytest.raises(DataMissingError, match=r"the connection broke .* 100,000 bytes of it are kept"):
        fetch(remote(server, target))
    assert left(target) == ["file.bin.part", "file.bin.part.etag"]
    server.asked.clear()
    server.cuts.clear()
    fetch(remote(server, target))
    assert server.asked == [("file.bin", "bytes=100000-", '"one"')]
    assert target.read_bytes() == CONTENT


def test_the_date_of_the_last_change_serves_where_there_is_no_strong_etag(server: FileServer, target: Path) -> None:
    server.cuts, server.etag, server.modified = [1000], 'W/"weak"', "Wed, 01 Jan 2025 00:00:00 GMT"
    fetch(remote(server, target, known=False))
    assert server.asked[1] == ("file.bin", "bytes=1000-", server.modified)
    assert target.read_bytes() == CONTENT


def test_without_any_name_of_its_version_an_unknown_file_begins_anew(server: FileServer, target: Path) -> None:
    server.cuts, server.etag = [1000], None
    fetch(remote(server, target, known=False))
    assert server.asked == [("file.bin", None, None)] * 2
    assert target.read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_begins_anew(server: FileServer, target: Path) -> None:
    server.cuts = [100_000] + [0] * TRIES
    with pytest.raises(DataMissingError):
        fetch(remote(server, target, known=False))
    server.files["file.bin"], server.etag = OTHER, '"two"'
    fetch(remote(server, target, known=False))
    assert target.read_bytes() == OTHER


def test_a_server_that_knows_no_range_sends_all_again(server: FileServer, target: Path) -> None:
    server.cuts, server.ignore_range = [100_000], True
    fetch(remote(server, target))
    assert target.read_bytes() == CONTENT


def test_a_server_that_sends_another_part_is_not_believed(server: FileServer, target: Path) -> None:
    server.cuts, server.wrong_part = [100_000], True
    fetch(remote(server, target))
    assert target.read_bytes() == CONTENT
    assert [asked[1] for asked in server.asked] == [None, "bytes=100000-", None]


def test_a_part_that_was_altered_on_this_disk_begins_anew(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(bytes(100_000))
    target.with_name("file.bin.part.etag").write_text('"one"')
    fetch(remote(server, target))
    assert target.read_bytes() == CONTENT
    assert [asked[1] for asked in server.asked] == ["bytes=100000-", None]


def test_a_part_that_is_longer_than_the_file_begins_anew(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    for known in (True, False):
        target.with_name("file.bin.part").write_bytes(CONTENT + b"more")
        target.with_name("file.bin.part.etag").write_text('"one"')
        fetch(remote(server, target, known))
        assert target.read_bytes() == CONTENT
        assert left(target) == ["file.bin"]


def test_another_hash_is_refused_and_the_file_removed(server: FileServer, target: Path) -> None:
    server.files["file.bin"] = OTHER
    with pytest.raises(DataDamagedError, match=r"has sha256 .* it was removed") as caught:
        fetch(remote(server, target))
    assert "ask the owner" in str(caught.value)
    assert left(target) == []
    assert len(server.asked) == 1


def test_another_size_is_refused_before_it_is_fetched(server: FileServer, target: Path) -> None:
    server.files["file.bin"] = CONTENT[:-1]
    with pytest.raises(DataDamagedError, match="has 299,999 bytes, and the one posebench knows 300,000"):
        fetch(remote(server, target))
    assert left(target) == []
    server.send_length = False
    with pytest.raises(DataDamagedError, match="has 299,999 bytes, not 300,000"):
        fetch(remote(server, target))
    assert left(target) == []


@pytest.mark.parametrize(
    ("status", "what"), [(404, "does not have"), (410, "no longer has"), (403, "does not give"), (451, "does not give")]
)
def test_a_refusal_is_not_asked_twice(server: FileServer, target: Path, status: int, what: str) -> None:
    server.statuses["file.bin"] = [status] * 9
    with pytest.raises(DataMissingError, match=rf"{what} .*/file.bin \(it answers {status}\); ask the owner"):
        fetch(remote(server, target))
    assert len(server.asked) == 1
    assert left(target) == []


def test_a_busy_server_is_asked_again_with_longer_waits(server: FileServer, target: Path, waits: list[float]) -> None:
    server.statuses["file.bin"] = [503, 429, 500]
    fetch(remote(server, target))
    assert target.read_bytes() == CONTENT
    assert waits == [1, 2, 4]
    server.statuses["file.bin"] = [503] * 9
    target.unlink()
    with pytest.raises(DataMissingError, match="answers 503"):
        fetch(remote(server, target))


def test_no_network_is_one_sentence(target: Path, waits: list[float]) -> None:
    # Port 9 of loopback has no server.
    with pytest.raises(DataMissingError, match=r"cannot be had now .* run the same command again"):
        fetch(Remote("http://127.0.0.1:9/file.bin", target, None, None, "ask the owner"))
    assert waits == [1, 2, 4, 8]


def test_a_full_disk_keeps_what_came(server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path.open

    def full(self: Path, mode: str = "r", **options: object) -> object:
        file = whole(self, mode, **options)  # type: ignore[call-overload]
        if mode != "ab":
            return file
        taken = file.write

        class Disk:
            def __enter__(self) -> "Disk":
                return self

            def __exit__(self, *error: object) -> None:
                file.close()

            def write(self, block: bytes) -> None:
                if file.tell() + len(block) > 270_000:
                    raise OSError(errno.ENOSPC, "No space left on device")
                taken(block)

            def flush(self) -> None:
                file.flush()

        return Disk()

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(UsageError, match=r"The disk of .* is full after .* goes on from there"):
        fetch(remote(server, target))
    monkeypatch.undo()
    monkeypatch.setattr(fetching, "wait", lambda seconds: None)
    assert 0 < target.with_name("file.bin.part").stat().st_size < len(CONTENT)
    fetch(remote(server, target))
    assert target.read_bytes() == CONTENT
    assert server.asked[-1][1] is not None


class Listed(Download):
    """A download of files that a test lists."""

    files: dict[str, bytes]

    def wanted(self) -> tuple[Wanted, ...]:
        return tuple(Wanted(path, len(content), sha256(content)) for path, content in self.files.items())


FILES = {"02/02.asf": b"skeleton", "02/02_01.amc": b"motion" * 1000, "16/16_15.AMC": b"\xfcother\r\n"}


def listed(name: str, base: str, monkeypatch: pytest.MonkeyPatch, archive: Archive | None = None) -> None:
    made = Listed(name, base, archive, must_accept=DOWNLOADS[name].must_accept, given=DOWNLOADS[name].given)
    object.__setattr__(made, "files", FILES)
    monkeypatch.setitem(DOWNLOADS, name, made)


def test_a_data_set_is_fetched_once(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed("cmu", f"{server.address}/subjects/", monkeypatch)
    server.files = {f"subjects/{path}": content for path, content in FILES.items()}
    outcome = download_dataset("cmu", tmp_path / "new" / "cmu")
    assert (outcome.fetched, outcome.present, outcome.notes) == (3, 0, ())
    for path, content in FILES.items():
        assert (outcome.folder / path).read_bytes() == content
    assert (
        (outcome.folder / "index.csv").read_text().startswith("subject,file,fps,description\n02,02_01.amc,120,walk\n")
    )
    server.asked.clear()
    (outcome.folder / "02" / "02.asf").write_bytes(b"SKELETON")
    (outcome.folder / "index.csv").write_text("subject,file,fps,description\n38,38_01.amc,120,walk\n")
    again = download_dataset("cmu", outcome.folder)
    assert (again.fetched, again.present) == (1, 2)
    assert [path for path, _, _ in server.asked] == ["subjects/02/02.asf"]
    assert "was kept" in again.notes[0]
    assert "38" in (outcome.folder / "index.csv").read_text()


def test_a_mirror_stands_for_the_owner(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed("cmu", "http://owner.invalid/subjects/", monkeypatch)
    server.files = {f"copy/{path}": content for path, content in FILES.items()}
    assert download_dataset("cmu", tmp_path, f"{server.address}/copy").fetched == 3
    for mirror in ("file:///etc", "ftp://host/", "host/path"):
        with pytest.raises(UsageError, match="http://"):
            download_dataset("cmu", tmp_path / "other", mirror)


def test_an_archive_is_fetched_and_only_the_wanted_files_taken_out(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed("hdm05", f"{server.address}/cuts/", monkeypatch, Archive("cut.zip", None))
    members = {"../../evil.sh": b"#!", "HDM05/readme.txt": b"read"}
    members |= {f"HDM05_cut_amc/{path.upper()}": content for path, content in FILES.items()}
    # A file of the same name with other content stands before the right one.
    server.files["cuts/cut.zip"] = zip_of({"old/02.asf": b"SKELETON", **members})
    outcome = download_dataset("hdm05", tmp_path / "hdm05")
    assert outcome.fetched == 3
    assert "cut.zip" in outcome.notes[0]
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert found == sorted(["hdm05/cut.zip", *(f"hdm05/{path}" for path in FILES)])
    for path, content in FILES.items():
        assert (tmp_path / "hdm05" / path).read_bytes() == content
    server.asked.clear()
    (tmp_path / "hdm05" / "02" / "02.asf").unlink()
    assert download_dataset("hdm05", tmp_path / "hdm05").fetched == 1
    assert server.asked == []


def test_an_archive_that_a_browser_fetched_is_taken(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed("hdm05", f"{server.address}/cuts/", monkeypatch, Archive("cut.zip", None))
    server.statuses["cuts/cut.zip"] = [403]
    with pytest.raises(DataMissingError, match=r"in a browser from .* put it at .*cut.zip and run the same command"):
        download_dataset("hdm05", tmp_path)
    (tmp_path / "cut.zip").write_bytes(zip_of(FILES))
    assert download_dataset("hdm05", tmp_path).fetched == 3


def test_an_archive_with_a_published_hash_must_have_it(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = zip_of(FILES)
    listed("openbiomechanics", f"{server.address}/", monkeypatch, Archive("c3d.zip", sha256(content)))
    server.files["c3d.zip"] = zip_of({"other": b""})
    with pytest.raises(UsageError, match="--accept-licence"):
        download_dataset("openbiomechanics", tmp_path)
    assert server.asked == []
    with pytest.raises(DataDamagedError, match="sha256"):
        download_dataset("openbiomechanics", tmp_path, accept_licence=True)
    assert not list(tmp_path.iterdir())
    (tmp_path / "c3d.zip").write_bytes(b"something else of that name")
    server.files["c3d.zip"] = content
    assert download_dataset("openbiomechanics", tmp_path, accept_licence=True).fetched == 3


def test_archives_that_are_not_what_they_should_be(tmp_path: Path) -> None:
    archive = tmp_path / "cut.zip"
    wanted = tuple(Wanted(path, len(content), sha256(content)) for path, content in FILES.items())

    def refusal(kind: type[Exception]) -> str:
        with pytest.raises(kind) as caught:
            take_out(archive, wanted, tmp_path / "out", lambda done, total: None)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    archive.write_bytes(zip_of({"02.asf": b"skeleton"}))
    assert "lacks 2 of 3 files, first 02_01.amc" in refusal(DataMissingError)
    archive.write_bytes(zip_of({**FILES, "02/02.asf": b"SKELETON"}))
    assert "02.asf" in refusal(DataDamagedError)
    archive.write_bytes(zip_of({**FILES, "02/02.asf": FILES["02/02.asf"] + b" and more"}))
    assert "02.asf" in refusal(DataDamagedError)
    whole = zip_of(FILES)
    archive.write_bytes(whole[: len(whole) // 2])
    assert "not a whole zip archive" in refusal(DataDamagedError)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for path, content in FILES.items():
            made.writestr(path, content if path != "02/02_01.amc" else bytes(200_000_000))
    assert "02_01.amc" in refusal(DataDamagedError)
    content = bytearray(whole)
    content[whole.index(b"motion") + 3] ^= 1
    archive.write_bytes(content)
    assert "not a whole zip archive" in refusal(DataDamagedError)


def test_too_little_room_is_said_before_the_work(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed("cmu", f"{server.address}/", monkeypatch)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(UsageError, match="has room for 0"):
        download_dataset("cmu", tmp_path)
    assert server.asked == []


def test_the_lists_are_well_formed() -> None:
    for name, download in DOWNLOADS.items():
        wanted = download.wanted()
        assert len({item.path for item in wanted}) == len(wanted) > 0
        for item in wanted:
            assert len(item.sha256) == 64
            assert item.bytes > 0
            assert not item.path.startswith("/")
            assert ".." not in item.path.split("/")
        if download.archive is not None:
            assert len({Path(item.path).name.lower() for item in wanted}) == len(wanted), name
        assert download.base.endswith("/")


@pytest.mark.parametrize("name", ["cmu", "hdm05", "pose2sim"])
def test_the_lists_are_those_of_the_owners_files(
    name: str, shared: Path, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shared / "data" / {"pose2sim": "pose2sim_demo"}.get(name, name)
    owners = {sha256(path.read_bytes()): path for path in folder.rglob("*") if path.is_file()}
    found = {item.path: owners[item.sha256].read_bytes() for item in DOWNLOADS[name].wanted()}
    server.files = {"HDM05_cut_amc.zip": zip_of(found)} if name == "hdm05" else found
    outcome = download_dataset(name, tmp_path, server.address)
    assert outcome.fetched == len(found)
    again = download_dataset(name, tmp_path, server.address)
    assert (again.fetched, again.present) == (0, len(found))
    from posebench.datasets.library import find_adapter

    adapter = find_adapter(name)
    counts = {"cmu": 60, "hdm05": 288, "pose2sim": 1}
    assert adapter.count(tmp_path, adapter.forms[0]) == counts[name]
    assert adapter.found(tmp_path) == adapter.forms
