"""`posebench weights` against a Hub on loopback, as processes of their own."""

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import torch
import yaml
from command_line import refused, run
from hub_commands import Commands
from hub_server import TOKEN, HubServer, hub
from safetensors.torch import save, save_file

from posebench.registry.manifest import Weights

CONTENT = save({"scale": torch.tensor([3.0])})
#: Large enough to be cut; only `run` and `push` ask whether it fits.
LARGE = random.Random(0).randbytes(3_000_000)
#: Port 9 of loopback has no server.
NOBODY = "http://127.0.0.1:9"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def server() -> Iterator[HubServer]:
    with hub() as server:
        yield server


@pytest.fixture
def posebench(tmp_path: Path, server: HubServer) -> Commands:
    return Commands(tmp_path, server.address)


def publish(server: HubServer, posebench: Commands, content: bytes = CONTENT, **kind: bool) -> str:
    """Put a file on the Hub and its lines in the manifest; returns the commit."""
    revision = server.add("lab/net", {"net.safetensors": content}, **kind)
    posebench.describe_hub(revision, sha256(content))
    return revision


def test_pull_list_verify_and_info_tell_one_story(server: HubServer, posebench: Commands) -> None:
    revision = publish(server, posebench)
    before = json.loads(posebench("weights", "list", "net*", "--json").out)
    assert before == [
        {
            "name": "net.hub", "origin": f"hub:lab/net@{revision[:12]}", "file": "net.safetensors", "path": None,
            "bytes": None, "sha256": sha256(CONTENT), "licence": "MIT",
        }
    ]  # fmt: skip
    assert json.loads(posebench("weights", "verify", "net", "--json").out)[0]["state"] == "not fetched"
    assert json.loads(posebench("info", "net", "--json").out)["weights"]["here"].startswith("no")
    pulled = posebench("weights", "pull", "net")
    assert (pulled.code, pulled.err) == (0, "")
    assert sha256(CONTENT) in pulled.out
    [after] = json.loads(posebench("weights", "list", "net*", "--json").out)
    assert Path(after["path"]).read_bytes() == CONTENT
    assert after["bytes"] == len(CONTENT)
    assert json.loads(posebench("weights", "verify", "net", "--json").out)[0]["state"] == "ok"
    assert json.loads(posebench("info", "net", "--json").out)["weights"]["here"] == "yes"
    assert "yes" in posebench("weights", "list", "net").out
    # What is here is used without asking anyone, offline too.
    posebench.endpoint = NOBODY
    assert posebench("weights", "pull", "net").code == 0
    posebench.variables["HF_HUB_OFFLINE"] = "1"
    assert posebench("weights", "pull", "net").code == 0


def test_run_fetches_by_itself_and_says_where_from(server: HubServer, posebench: Commands) -> None:
    revision = publish(server, posebench)
    done = posebench("run", "-m", "net", "-d", "procedural", "--limit", "5", "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    lifter = json.loads(done.out)["lifter"]
    assert lifter["weights_sha256"] == sha256(CONTENT)
    assert revision[:12] in json.dumps(lifter)


@pytest.mark.skipif(sys.platform == "win32", reason="terminals")
def test_a_terminal_sees_how_far_it_is(server: HubServer, posebench: Commands) -> None:
    publish(server, posebench, LARGE)
    server.store.delay = 0.02
    terminal, stderr = os.openpty()
    process = posebench.start("weights", "pull", "net", stderr=stderr)
    os.close(stderr)
    seen = b""
    with suppress(OSError):  # a terminal whose last writer has gone
        while block := os.read(terminal, 1 << 16):
            seen += block
    os.close(terminal)
    assert process.wait(timeout=60) == 0
    assert b"fetching weights" in seen
    assert b"/3000000" in seen


def test_large_files_come_from_the_store_and_no_token_goes_there(server: HubServer, posebench: Commands) -> None:
    publish(server, posebench, LARGE, gated=True)
    posebench.variables["HF_TOKEN"] = TOKEN
    assert posebench("weights", "pull", "net").code == 0
    assert set(server.store.tokens) == {None}
    assert [path for path, *_ in server.store.asked] == [sha256(LARGE)]


def test_small_files_come_from_the_hub_itself(server: HubServer, posebench: Commands) -> None:
    revision = server.add("lab/net", {"net.bin": CONTENT}, gated=True)
    posebench.describe_hub(revision, sha256(CONTENT), "net.bin")
    posebench.variables["HF_TOKEN"] = TOKEN
    assert posebench("weights", "pull", "net").code == 0
    assert not server.store.asked


def test_a_cut_connection_goes_on_where_it_stopped(server: HubServer, posebench: Commands) -> None:
    publish(server, posebench, LARGE)
    server.store.cuts = [1_000_000, 1_000_000]
    done = posebench("weights", "pull", "net")
    assert (done.code, done.err) == (0, "")
    assert [asked for _, asked, _ in server.store.asked] == [None, "bytes=1000000-", "bytes=2000000-"]
    assert [path.read_bytes() for path in posebench.cache] == [LARGE]


def test_a_size_that_is_not_told(server: HubServer, posebench: Commands) -> None:
    publish(server, posebench, LARGE)
    server.tells_size, server.store.cuts = False, [1_000_000]
    assert posebench("weights", "pull", "net").code == 0
    assert [asked for _, asked, _ in server.store.asked] == [None, "bytes=1000000-"]
    assert [path.read_bytes() for path in posebench.cache] == [LARGE]


def test_a_server_that_ignores_ranges_sends_all_again(server: HubServer, posebench: Commands) -> None:
    publish(server, posebench, LARGE)
    server.store.cuts, server.store.ignore_range = [1_000_000], True
    assert posebench("weights", "pull", "net").code == 0
    assert [path.read_bytes() for path in posebench.cache] == [LARGE]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupted_command_is_taken_up_by_the_next(server: HubServer, posebench: Commands) -> None:
    publish(server, posebench, LARGE)
    server.store.delay = 0.5
    process = posebench.start("weights", "pull", "net")
    began = time.monotonic()
    while not any(path.stat().st_size > 200_000 for path in posebench.cache) and time.monotonic() - began < 60:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    server.store.delay, kept = 0.0, posebench.cache[0].stat().st_size
    assert 0 < kept < len(LARGE)
    assert posebench("weights", "pull", "net").code == 0
    assert server.store.asked[-1][1] == f"bytes={kept}-"
    assert [path.read_bytes() for path in posebench.cache] == [LARGE]


def test_a_damaged_part_is_fetched_anew(server: HubServer, posebench: Commands) -> None:
    publish(server, posebench, LARGE)
    blobs = posebench.folder / "hf" / "hub" / "models--lab--net" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{sha256(LARGE)}.posebench.part").write_bytes(b"something else")
    assert posebench("weights", "pull", "net").code == 0
    assert [asked for _, asked, _ in server.store.asked] == ["bytes=14-", None]
    assert [path.read_bytes() for path in posebench.cache] == [LARGE]


def test_two_at_once_fetch_once(server: HubServer, posebench: Commands) -> None:
    publish(server, posebench, LARGE)
    server.store.delay = 0.02
    processes = [posebench.start("weights", "pull", "net") for _ in range(2)]
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0]
    assert len(server.store.asked) == 1


def test_a_busy_hub_is_asked_again(server: HubServer, posebench: Commands) -> None:
    publish(server, posebench)
    server.statuses = [503]
    assert posebench("weights", "pull", "net").code == 0


def test_a_wrong_hash_is_not_kept(server: HubServer, posebench: Commands) -> None:
    revision = publish(server, posebench)
    posebench.describe_hub(revision, "ab" * 32)
    done = posebench("weights", "pull", "net")
    assert done.code == 3
    assert f"sha256 {sha256(CONTENT)[:12]}" in done.sentence
    assert not posebench.cache


def test_damage_in_the_cache_is_found_and_pull_mends_it(server: HubServer, posebench: Commands) -> None:
    publish(server, posebench)
    posebench("weights", "pull", "net")
    posebench.cache[0].write_bytes(CONTENT[:-1] + b"\0")
    verified = posebench("weights", "verify")
    assert verified.code == 1
    assert "posebench weights pull net.hub" in verified.sentence
    used = posebench("run", "-m", "net", "-d", "procedural", "--limit", "5")
    assert used.code == 3
    assert "posebench weights pull net.hub" in used.sentence
    assert posebench("weights", "pull", "net").code == 0
    assert posebench("weights", "verify").code == 0


@pytest.mark.parametrize("token", [None, "granted", "not granted", "unknown"])
def test_a_gated_repository(server: HubServer, posebench: Commands, token: str | None) -> None:
    publish(server, posebench, gated=True)
    server.members["hf_of_another"] = "another"
    given = {"granted": TOKEN, "not granted": "hf_of_another", "unknown": "hf_unknown"}
    if token is not None:
        posebench.variables["HF_TOKEN"] = given[token]
    done = posebench("weights", "pull", "net")
    if token == "granted":
        assert done.code == 0
        return
    assert done.code == 3
    assert ("does not accept your token" if token == "unknown" else "is gated: ask for access at") in done.sentence


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("repository", "no repository of the weights of net.hub"),
        ("private", "or it is private"),
        ("revision", "no such commit"),
        ("file", "no such file"),
        ("nobody", "cannot be reached"),
        ("offline", "HF_HUB_OFFLINE is set"),
        ("no hub", "did not answer as a Hub does"),
        ("cache", "cannot be written"),
    ],
)
def test_each_failure_is_one_sentence(server: HubServer, posebench: Commands, what: str, said: str) -> None:
    revision = publish(server, posebench, private=what == "private")
    match what:
        case "repository":
            posebench.describe_hub(revision, sha256(CONTENT), repository="lab/other")
        case "revision":
            posebench.describe_hub("0" * 40, sha256(CONTENT))
        case "file":
            posebench.describe_hub(revision, sha256(CONTENT), "other.safetensors")
        case "nobody":
            posebench.endpoint = NOBODY
        case "offline":
            posebench.variables["HF_HUB_OFFLINE"] = "1"
        case "no hub":
            server.store.files[f"lab/net/resolve/{revision}/net.safetensors"] = CONTENT
            posebench.endpoint = server.store.address
        case "cache":
            (posebench.folder / "hf").write_text("a file where a folder must be")
    done = posebench("weights", "pull", "net")
    assert done.code == 3
    assert said in done.sentence
    assert "--weights FILE" in done.sentence


def test_what_is_pushed_can_be_pulled_by_the_printed_lines(
    server: HubServer, posebench: Commands, tmp_path: Path
) -> None:
    save_file({"scale": torch.tensor([5.0])}, tmp_path / "own.safetensors")
    push = (
        "weights", "push", "net", str(tmp_path / "own.safetensors"), "--repo", "lab/own",
        "--licence", "CC BY-SA 4.0", "--trained-on", "procedural/train@1+gt",
    )  # fmt: skip
    posebench.variables["HF_TOKEN"] = TOKEN
    done = posebench(*push)
    assert done.code == 0, done.err
    repository = server.repositories["lab/own"]
    assert repository.private
    assert f"revision {repository.head}" in done.out
    assert set(server.store.tokens) == {None}
    files = repository.commits[str(repository.head)]
    content, card = files["net.hub.safetensors"], files["README.md"].decode()
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["license"] == "cc-by-sa-4.0"
    for part in (sha256(content), "CC BY-SA 4.0", "procedural, split train", "--model net.hub"):
        assert part in card
    # The same again is the same commit.
    assert json.loads(posebench(*push, "--json").out)["revision"] == repository.head
    assert len(repository.commits) == 1
    lines = done.out.partition("\n")[2]
    msgspec.convert(yaml.safe_load(lines)["weights"], Weights)
    posebench.describe("".join(f"        {line}\n" for line in lines.splitlines()))
    assert posebench("weights", "pull", "net").code == 0
    assert [path.read_bytes() for path in posebench.cache] == [content]


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        ("no token", 3, "hf auth login"),
        ("unknown token", 3, "does not accept your token"),
        ("foreign owner", 3, "may not write"),
        ("nobody", 3, "cannot be reached"),
        ("offline", 3, "HF_HUB_OFFLINE is set"),
        ("no licence", 2, "--licence"),
        ("bad data set", 2, "dataset/split@version+source"),
        ("bad name", 2, "OWNER/NAME"),
        ("another shape", 3, "does not fit net.hub"),
        ("no safetensors", 3, "must be safetensors"),
    ],
)
def test_a_push_that_cannot_be_is_one_sentence(
    server: HubServer, posebench: Commands, tmp_path: Path, what: str, code: int, said: str
) -> None:
    file = tmp_path / "own.safetensors"
    save_file({"scale": torch.zeros(2 if what == "another shape" else 1)}, file)
    if what == "no safetensors":
        file.write_bytes(b"\x80\x02}q\x00.")
    if what != "no token":
        posebench.variables["HF_TOKEN"] = "hf_unknown" if what == "unknown token" else TOKEN
    if what == "offline":
        posebench.variables["HF_HUB_OFFLINE"] = "1"
    if what == "nobody":
        posebench.endpoint = NOBODY
    repository = {"foreign owner": "other/net", "bad name": "net"}.get(what, "lab/net")
    licence = () if what == "no licence" else ("--licence", "MIT")
    trained = ("--trained-on", "procedural") if what == "bad data set" else ()
    done = posebench("weights", "push", "net", str(file), "--repo", repository, *licence, *trained)
    assert done.code == code
    assert said in done.sentence
    assert not server.repositories


def test_bundled_weights_are_listed_and_verified(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["name"]: row for row in json.loads(run(capsys, "weights", "list", "--json"))}
    assert rows["videopose3d.open"]["origin"] == "bundled"
    assert rows["videopose3d.open"]["bytes"] == Path(rows["videopose3d.open"]["path"]).stat().st_size
    assert "CC BY-SA 3.0" in run(capsys, "weights", "list", "videopose3d*")
    assert "No tag" in run(capsys, "weights", "list", "mean-pose*")
    states = json.loads(run(capsys, "weights", "verify", "--json"))
    assert {row["name"] for row in states} == set(rows)
    assert {row["state"] for row in states} == {"ok"}
    assert "bundled" in run(capsys, "weights", "pull", "videopose3d", "simple_baseline")
    run(capsys, "weights", "pull", "mean-pose")
    refused(capsys, 2, "weights", "verify", "mean-pose")
    refused(capsys, 2, "weights", "pull", "videopose3")
    refused(capsys, 3, "weights", "pull", "videopose3d.h36m_243")
