"""posebench as a process of its own beside a Hub on loopback: its client reads address and cache when it is imported."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

#: Registers the lifter `net` of the manifest beside it as a stranger's script would, then runs the command line.
SCRIPT = """
import pathlib, sys
import posebench
from posebench.cli.main import run_command

here = pathlib.Path(__file__).parent

@posebench.register_lifter("net", spec=posebench.LifterSpec())
def net(width=1):
    import torch
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.zeros(width))
        def lift(self, inputs):
            return self.scale * torch.ones(len(inputs.keypoints), 1, 17, 3)
    return Net()

posebench.register_manifest(here / "manifest.yaml")
sys.exit(run_command(sys.argv[1:]))
"""

MANIFEST = """schema: 1
lifters:
  net:
    title: A net
    citation: nobody, 2026
    default: hub
    tags:
      hub:
        summary: on the Hub
"""


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """What was said on standard error, which must be one sentence of posebench."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("posebench: "), self.err
        return lines[0]


class Commands:
    """The command line in a folder with a manifest and a cache of its own."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.folder, self.endpoint = folder, endpoint
        self.variables: dict[str, str] = {}
        (folder / "net.py").write_text(SCRIPT)
        self.describe("        needs_weights: false\n")

    def describe(self, lines: str) -> None:
        """Write the manifest with these lines below the tag `net.hub`."""
        (self.folder / "manifest.yaml").write_text(MANIFEST + lines)

    def describe_hub(
        self, revision: str, sha256: str, file: str = "net.safetensors", repository: str = "lab/net"
    ) -> None:
        """Write the manifest with weights on the Hub."""
        self.describe(
            f'        weights:\n          hub: {{repository: {repository}, revision: "{revision}", file: {file}}}\n'
            f"          sha256: {sha256}\n          licence: MIT\n"
        )

    def start(self, *arguments: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start a command; `stderr` is where its notes go."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("HF_") and name != "HUGGING_FACE_HUB_TOKEN"
        } | {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(self.folder / "hf"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",
            "POSEBENCH_DATA": str(self.folder / "data"),
            **self.variables,
        }  # fmt: skip
        return subprocess.Popen(
            [sys.executable, str(self.folder / "net.py"), *arguments],
            stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment,
        )  # fmt: skip

    def __call__(self, *arguments: str) -> Done:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        return Done(process.returncode, out, err)

    @property
    def cache(self) -> list[Path]:
        """The files in the Hub's cache, locks and tags apart."""
        return [path for path in (self.folder / "hf" / "hub").rglob("*/blobs/*") if path.is_file()]
