"""The model card of a finished run, in Markdown: data, licences, budget, configuration, validation numbers."""

import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch
import yaml
from tabulate import tabulate

from posebench.hashing import hash_file
from posebench.results.environment import cpu_model
from zoo.training.checkpoint import RunState
from zoo.training.config import TrainingConfig
from zoo.training.stores import TrainingStore


@dataclass(frozen=True)
class DataFacts:
    """One data set of the mixture, as it was trained on."""

    name: str
    version: str
    fingerprint: str
    licence: str
    weight: float
    trained: list[str]
    validated: list[str]
    world_frames: int


@dataclass(frozen=True)
class RunFacts:
    """Everything that a card says."""

    config: TrainingConfig
    data: list[DataFacts]
    parameters: int
    size: int
    sha256: str
    state: RunState
    samples: int
    outputs: int
    hardware: str
    versions: dict[str, str]

    @classmethod
    def collect(
        cls,
        config: TrainingConfig,
        state: RunState,
        stores: list[TrainingStore],
        weights: Path,
        device: torch.device,
        samples: int,
        outputs: int,
    ) -> "RunFacts":
        """Read them off a finished run; `outputs` is how many frames of a window are supervised."""
        statistics = ("running_mean", "running_var", "num_batches_tracked")
        learnt = (value for name, value in state.best.items() if "." in name and not name.endswith(statistics))
        return cls(
            config=config,
            data=[
                DataFacts(
                    name=store.name,
                    version=store.version,
                    fingerprint=store.fingerprint,
                    licence=store.config.licence,
                    weight=store.config.weight,
                    trained=store.subjects(training=True),
                    validated=store.subjects(training=False),
                    world_frames=store.training_frames(),
                )
                for store in stores
            ],
            parameters=sum(value.numel() for value in learnt),
            size=weights.stat().st_size,
            sha256=hash_file(weights),
            state=state,
            samples=samples,
            outputs=outputs,
            hardware=describe_hardware(device),
            versions={"python": platform.python_version()}
            | {name: metadata.version(name) for name in ("torch", "timm", "numpy", "scipy")},
        )


def describe_hardware(device: torch.device) -> str:
    """The GPU's name, or the CPU's with the number of threads in use; no host name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{cpu_model()}, {torch.get_num_threads()} threads"


def model_card(facts: RunFacts) -> str:
    """The card's text."""
    config, state = facts.config, facts.state
    best = next(row for row in state.history if row["step"] == state.best_step)
    numbers = [(*label.split("/"), f"{value:.1f}") for label, value in sorted(best.items()) if "/" in label]
    data = [
        (d.name, d.version, ", ".join(d.trained), ", ".join(d.validated), d.world_frames, d.weight, d.licence)
        for d in facts.data
    ]
    fingerprints = [f"- {d.name}: `{d.fingerprint}`" for d in facts.data]
    sources = ", ".join(f"{name} {share:g}" for name, share in config.sources.items())
    return "\n".join(
        [
            f"# {config.tag}",
            "",
            config.summary,
            "",
            f"- Architecture: `{config.lifter.arch}`, {facts.parameters:,} parameters",
            f"- Weights: `zoo/weights/{config.tag}.safetensors`, {facts.size:,} bytes, sha256 `{facts.sha256}`",
            f"- Licence of the weights: {config.weights_licence}",
            "- These are weights of this project, trained on open motion. They are not those of the paper, and none of",
            "  the paper's numbers is claimed for them.",
            "",
            "## Data",
            "",
            tabulate(
                data,
                headers=["data set", "version", "trained on", "selected on", "world frames", "weight", "licence"],
                tablefmt="github",
            ),
            "",
            "Fingerprints of the prepared stores:",
            "",
            *fingerprints,
            "",
            f"Every training clip is mirrored, scaled and seen by random virtual cameras, {facts.samples:,} camera",
            f"frames in all, through the 2D sources {sources}. Test splits were never opened.",
            "",
            "## Budget",
            "",
            f"{config.steps:,} steps of {config.batch_size:,} windows, each supervised in {facts.outputs} of its frames: "
            f"{config.steps * config.batch_size * facts.outputs:,} frames in all, in {state.seconds / 60:.1f} minutes "
            f"on {facts.hardware}.",
            f"Versions: {', '.join(f'{name} {version}' for name, version in facts.versions.items())}.",
            "",
            "## Validation",
            "",
            "Root-relative MPJPE in mm, mean over frames, of the averaged weights on the validation subjects with the",
            "data sets' own cameras. These subjects selected the weights, so the numbers are no test results: step",
            f"{state.best_step:,} has the lowest mean of the table, {state.best_score:.1f} mm.",
            "",
            tabulate(numbers, headers=["data set", "2D source", "MPJPE"], tablefmt="github", disable_numparse=True),
            "",
            "## Configuration",
            "",
            "```yaml",
            yaml.safe_dump(
                config.model_dump(mode="json", exclude={"data": {"__all__": {"store"}}}), sort_keys=False
            ).rstrip(),
            "```",
            "",
            "## Reproduce",
            "",
            "```",
            f"python -m zoo train {config.tag}",
            "```",
            "",
            "The same configuration, data and library versions on the same CPU with the same number of threads give",
            "the same weights; another machine rounds differently.",
            "",
        ]
    )
