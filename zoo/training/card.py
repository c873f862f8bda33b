"""The model card of a finished run, in Markdown: data, licences, budget, configuration, validation numbers."""

from typing import Any

import yaml
from tabulate import tabulate

from zoo.training.checkpoint import RunState
from zoo.training.config import PRIORS, WEIGHTED, TrainingConfig
from zoo.training.loop import Training
from zoo.training.objectives import VALIDATION_TIMES
from zoo.training.origin import configuration_line
from zoo.training.sessions import Session, describe_session, describe_versions
from zoo.training.stores import TrainingStore


def model_card(training: Training, size: int, sha256: str) -> str:
    """The card's text, of a run that is done and the size in bytes and hash of its weights."""
    config = training.config
    parameters = sum(value.numel() for value in training.lifter.parameters())
    sections = [
        f"# {config.tag}",
        config.summary,
        "\n".join(
            [
                f"- Architecture: `{config.lifter.arch}`, {parameters:,} parameters",
                f"- Weights: `zoo/weights/{config.tag}.safetensors`, {size:,} bytes, sha256 `{sha256}`",
                configuration_line(config),
                f"- Licence of the weights: {config.weights_licence}",
                "- These are weights of this project, trained on open motion. They are not those of the paper, and none of",
                "  the paper's numbers is claimed for them.",
            ]
        ),
        "## Data",
        _data(training.stores),
        "Fingerprints of the prepared stores:",
        "\n".join(f"- {store.name}: `{store.fingerprint}`" for store in training.stores),
        _renditions(training),
        "## Budget",
        _budget(training),
        "## Validation",
        *_validation(config, training.state),
        "## Configuration",
        f"```yaml\n{yaml.safe_dump(_shown(config), sort_keys=False).rstrip()}\n```",
        "## Reproduce",
        *_reproduce(config, training.state.sessions),
    ]
    return "\n\n".join(sections) + "\n"


def _data(stores: list[TrainingStore]) -> str:
    rows = [
        (
            store.name,
            store.version,
            ", ".join(store.subjects(training=True)),
            ", ".join(store.subjects(training=False)),
            store.training_frames(),
            ", ".join(f"{rate:g}" for rate in store.rates()),
            store.config.weight,
            store.config.licence,
        )
        for store in stores
    ]
    headers = ["data set", "version", "trained on", "selected on", "world frames", "frame rate", "weight", "licence"]
    return tabulate(rows, headers=headers, tablefmt="github", disable_numparse=[5])


def _renditions(training: Training) -> str:
    config = training.config
    sources = ", ".join(f"{name} {share:g}" for name, share in config.sources.items())
    left = f" but those of {', '.join(config.leave_out)}, which also select nothing," if config.leave_out else ""
    declared = training.lifter.spec.fps
    rate = "it declares none" if declared is None else f"it declares {declared:g} frames a second"
    return (
        f"Every training clip{left} is mirrored, scaled and seen by random virtual cameras, {len(training.batches):,} "
        f"camera\nframes in all, through the 2D sources {sources}. No motion is resampled: the lifter sees each data set\n"
        f"at its own frame rate, and {rate}. Test splits were never opened."
    )


def _budget(training: Training) -> str:
    config, sessions, outputs = training.config, training.state.sessions, training.batches.outputs
    frames = (
        f"{config.steps:,} steps of {config.batch_size:,} windows, each supervised in {outputs} of its frames: "
        f"{config.steps * config.batch_size * outputs:,} frames in all"
    )
    if len(sessions) == 1:
        return f"{frames}, in {describe_session(sessions[0])}.\nVersions: {describe_versions(sessions[0])}."
    parts = [f"- {s['steps']:,} steps in {describe_session(s)}; {describe_versions(s)}" for s in sessions]
    return "\n".join([f"{frames}, in parts:", "", *parts])


def _validation(config: TrainingConfig, state: RunState) -> list[str]:
    best = next(row for row in state.history if row["step"] == state.best_step)
    numbers = [(*label.split("/"), f"{value:.1f}") for label, value in sorted(best.items()) if "/" in label]
    if config.lifter.arch in PRIORS:
        what = (
            f"Mean joint distance in mm of the poses that are denoised in one step, mean over the times "
            f"{', '.join(map(str, VALIDATION_TIMES))} of 1,000\nand frames, of the averaged weights on the validation subjects."
        )
        headers = ["data set", "", "distance"]
    else:
        what = (
            "Root-relative MPJPE in mm, mean over frames, of the averaged weights on the validation subjects with the\n"
            "data sets' own cameras."
        )
        headers = ["data set", "2D source", "MPJPE"]
    selected = (
        f"These subjects selected the weights, so the numbers are no test results: step\n{state.best_step:,} has the lowest "
        f"mean of the table, {state.best_score:.1f} mm."
    )
    return [f"{what} {selected}", tabulate(numbers, headers=headers, tablefmt="github", disable_numparse=True)]


def _shown(config: TrainingConfig) -> dict[str, Any]:
    """All values but machine paths, and the losses that are not the lifter's."""
    hidden: dict[str, Any] = {"data": {"__all__": {"store"}}}
    return config.model_dump(mode="json", exclude=hidden if config.lifter.arch == WEIGHTED else hidden | {"loss": True})


def _reproduce(config: TrainingConfig, sessions: list[Session]) -> list[str]:
    first = sessions[0]
    on_cpu = all(session["device"] == "cpu" for session in sessions)
    threads = f" --threads {first['threads']}" if on_cpu else ""
    command = f"```\npython -m zoo train {config.tag} --device {first['device']}{threads}\n```"
    if not on_cpu:
        return [command, "A GPU adds in no fixed order: another run gives weights that are alike, not the same."]
    if len(sessions) > 1:
        return [command, "The parts of this run rounded differently, so no single run gives the same weights."]
    return [
        command,
        "The same configuration, data and library versions on the same CPU with the same number of threads give\n"
        "the same weights; another machine rounds differently.",
    ]
