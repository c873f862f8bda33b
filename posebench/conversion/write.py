"""What a conversion leaves on disk: safetensors that say what they are, and a card beside them for people."""

import json
from importlib.metadata import version
from pathlib import Path

from safetensors.torch import save_file

from posebench.conversion.convert import Converted
from posebench.errors import UsageError
from posebench.files import replace_whole, write_text
from posebench.hashing import canonical_json, hash_file


def write_converted(converted: Converted, output: Path) -> Path:
    """Write the weights to `output` and the card beside it; returns the card.

    The same checkpoint gives the same bytes. Raises `UsageError` for an output that is the checkpoint or no `.safetensors`.
    """
    if output.suffix != ".safetensors":
        raise UsageError(f"--output {output} does not end in .safetensors, which is what is written; name it so.")
    if output.exists() and output.samefile(converted.checkpoint.path):
        raise UsageError(f"--output {output} is the checkpoint itself; give another file.")
    described = {
        "arch": converted.conversion.architecture,
        "config": converted.config,
        "source_sha256": converted.checkpoint.sha256,
        "converter": f"posebench {version('posebench-lifting')}",
    }
    # One key: the order of several is not fixed, and the file is hashed.
    metadata = {"posebench": canonical_json(described)}
    output.parent.mkdir(parents=True, exist_ok=True)
    replace_whole(output, lambda part: save_file(converted.state.tensors, part, metadata=metadata))
    written = output.with_suffix(".md")
    write_text(written, card(converted, output))
    return written


def card(converted: Converted, output: Path) -> str:
    """What the file is made of, by which rules, and how it is run."""
    conversion, source = converted.conversion, converted.checkpoint
    place = f"`{source.taken}`" if source.taken else "the whole file"
    lines = [
        f"# {output.name}",
        "",
        f"Weights of {conversion.repository}, converted for posebench's `{conversion.architecture}`.",
        "",
        f"- This file: {output.stat().st_size:,} bytes, {converted.parameters:,} parameters, sha256 `{hash_file(output)}`",
        f"- Made of: `{source.path.name}`, sha256 `{source.sha256}`",
        f"- Container: {source.container}; taken: {place}"
        + (f", `{source.prefix}` before every key" * bool(source.prefix)),
        *(f"- Statistics: `{name}`, sha256 `{sha256}`" for name, sha256 in converted.statistics.files),
        f"- Code: github.com/{conversion.repository}, licence: {conversion.licence}. What the weights may be used for is "
        "their author's to say; passing them on may not be allowed.",
        f"- Converter: posebench {version('posebench-lifting')}; nothing of the checkpoint was run.",
        "",
        "## Configuration",
        "",
        f"Inferred from shapes, except {', '.join(map('`{}`'.format, converted.given))}."
        if converted.given
        else "Inferred from shapes; what no shape tells is as published.",
        "",
        "```json",
        json.dumps(converted.config, indent=1, sort_keys=True),
        "```",
        "",
        "## Rules",
        "",
        f"{len(converted.targets)} keys, each used once; the first rule that matches a whole key renames it.",
        "",
        "| public key | ours |",
        "| --- | --- |",
        # A bar would end the cell.
        *(
            f"| `{rule.pattern.replace('|', chr(92) + '|')}` | {'left away' if rule.target is None else f'`{rule.target}`'} |"
            for rule in conversion.rules
        ),
        "",
        *(f"- {note}" for note in notes(converted)),
        "",
        "## Run",
        "",
        "```sh",
        f"posebench run --model {conversion.architecture} --dataset DATASET --weights {output.name}",
        "```",
        "",
        "The configuration stands in the file and is used in place of a tag's.",
        "",
    ]
    return "\n".join(lines)


def notes(converted: Converted) -> list[str]:
    """What a reader would not expect, a sentence each."""
    source, state = converted.checkpoint, converted.state
    found = []
    if converted.averaged:
        found.append("Parameters are the checkpoint's moving averages (`ema`), which its authors evaluate.")
    if source.passed_over:
        found.append(f"Passed over in the file: {', '.join(source.passed_over)}.")
    if source.facts:
        found.append(f"The file says: {', '.join(f'{key} {value:g}' for key, value in source.facts.items())}.")
    if state.left:
        found.append(f"Left away, for nothing of it is learned: {', '.join(map('`{}`'.format, state.left))}.")
    if state.filled:
        found.append(f"{len(state.filled)} batch counters, which PyTorch before 0.4.1 did not write, are 0.")
    if state.cast:
        found.append(f"Brought to float32: {', '.join(name.removeprefix('torch.') for name in state.cast)}.")
    return found
