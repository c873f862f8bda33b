"""A tiny random CLIP in the layout of the published one: both models in one safetensors file, and a tokenizer."""

import string
from pathlib import Path

import torch

from posebench.hashing import hash_file, hash_value

START, END = "<|startoftext|>", "<|endoftext|>"
#: Words that are one token, beside the letters that every other word is spelled with.
WORDS = ("person", "walking")
WIDTH, FEATURES = 32, 24


def save_clip(folder: Path, positions: int = 77, seed: int = 0) -> Path:
    """Write config.json, model.safetensors, tokenizer.json and what else `save_pretrained` writes; returns the folder."""
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    vocabulary, merges = _byte_pairs()
    text = {
        "vocab_size": len(vocabulary), "hidden_size": WIDTH, "intermediate_size": 64, "num_hidden_layers": 3,
        "num_attention_heads": 4, "max_position_embeddings": positions, "projection_dim": FEATURES,
        "bos_token_id": vocabulary[START], "eos_token_id": vocabulary[END], "pad_token_id": vocabulary[END],
    }  # fmt: skip
    vision = {
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 8,
        "patch_size": 4, "projection_dim": FEATURES,
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=FEATURES))
        # As made, weights are so small that positions and the mask hardly show.
        for parameter in model.parameters():
            parameter.data += 0.2 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    CLIPTokenizer(vocab=vocabulary, merges=merges).save_pretrained(folder)
    return folder


def sha256_of(folder: Path) -> str:
    """What a configuration calls `clip_sha256`."""
    names = ("config.json", "tokenizer.json", "model.safetensors")
    return hash_value({name: hash_file(folder / name) for name in names})


def _byte_pairs() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Letters, letters at the end of a word, and the merges that lead to `WORDS`."""
    tokens = [*string.ascii_lowercase, *(f"{letter}</w>" for letter in string.ascii_lowercase)]
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        *parts, last = word
        parts.append(f"{last}</w>")
        left = parts[0]
        for right in parts[1:]:
            if (left, right) not in merges:
                merges.append((left, right))
                tokens.append(left + right)
            left += right
    # The two marks have the highest ids, as the published ones have.
    return {token: place for place, token in enumerate([*tokens, START, END])}, merges
