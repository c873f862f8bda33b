"""Weights from the Hub: the real client against a server on loopback that speaks its protocol."""

import hashlib
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

REVISION = "0123456789abcdef0123456789abcdef01234567"
CONTENT = save({"scale": torch.tensor(3.0)})


class Hub(BaseHTTPRequestHandler):
    """One repository, lab/net, with one file at one commit."""

    protocol_version = "HTTP/1.1"

    def _answer(self, body: bytes) -> None:
        here = f"/lab/net/resolve/{REVISION}/net.safetensors"
        self.send_response(200 if self.path == here else 404)
        if self.path == here:
            self.send_header("X-Repo-Commit", REVISION)
            self.send_header("ETag", f'"{hashlib.sha256(CONTENT).hexdigest()}"')
            self.send_header("Content-Length", str(len(CONTENT)))
        else:
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
        self.end_headers()
        if self.path == here:
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(CONTENT)

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def load(tmp_path: Path, endpoint: str, file: str = "net.safetensors", sha256: str | None = None) -> tuple[int, str]:
    """Make the lifter in a process of its own, for the client reads its endpoint when imported; returns (exit code, output)."""
    (tmp_path / "m.yaml").write_text(
        textwrap.dedent(f"""
        schema: 1
        lifters:
          net:
            title: n
            citation: n
            default: hub
            tags:
              hub:
                summary: on the Hub
                weights:
                  hub: {{repository: lab/net, revision: "{REVISION}", file: {file}}}
                  sha256: {sha256 or hashlib.sha256(CONTENT).hexdigest()}
                  licence: MIT
        """)
    )
    (tmp_path / "net.py").write_text(
        textwrap.dedent(f"""
        import sys, pathlib, torch, posebench
        from posebench.errors import PosebenchError
        @posebench.register_lifter("net", spec=posebench.LifterSpec())
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.scale = torch.nn.Parameter(torch.zeros(()))
            def lift(self, inputs):
                return torch.zeros(len(inputs.keypoints), 1, 17, 3)
        posebench.register_manifest(pathlib.Path({str(tmp_path / "m.yaml")!r}))
        try:
            print("scale", posebench.create_lifter("net").scale.item())
        except PosebenchError as error:
            print(error)
            sys.exit(error.exit_code)
        """)
    )
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    done = subprocess.run(
        [sys.executable, str(tmp_path / "net.py")], capture_output=True, text=True, env=environment, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def test_weights_are_fetched_checked_and_loaded_and_then_work_offline(tmp_path: Path, endpoint: str) -> None:
    assert load(tmp_path, endpoint) == (0, "scale 3.0\n")
    # Port 9 of loopback has no server: what was fetched is used again.
    assert load(tmp_path, "http://127.0.0.1:9") == (0, "scale 3.0\n")


def test_a_wrong_hash_is_refused(tmp_path: Path, endpoint: str) -> None:
    code, said = load(tmp_path, endpoint, sha256="ab" * 32)
    assert code == 3
    assert "sha256" in said


def test_a_file_that_is_not_there_and_a_hub_that_is_not_reached_are_one_sentence(tmp_path: Path, endpoint: str) -> None:
    code, said = load(tmp_path, endpoint, file="other.safetensors")
    assert code == 3
    assert said.count("\n") == 1
    assert "other.safetensors of lab/net" in said
    code, said = load(tmp_path, "http://127.0.0.1:9")
    assert code == 3
    assert "cannot be reached" in said
