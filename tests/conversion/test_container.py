"""Authors' checkpoints: every container read whole, what else a file asks for refused by name, nothing run."""

import collections
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from checkpoints import containers, members, public_videopose3d, save_public, save_torch, zipped
from evil_files import evil_pickles
from safetensors.torch import save_file
from torch import nn

from posebench.conversion.container import read_checkpoint
from posebench.conversion.torch_file import LEGACY, MAGIC, ZIP
from posebench.conversion.torch_pickle import DTYPES
from posebench.errors import WeightsError

STATE = public_videopose3d()
TAKEN = {
    "VideoPose3D": ("model_pos", ""),
    "MixSTE": ("model_pos", "module."),
    "MotionAGFormer": ("model", "module."),
    "SemGCN": ("state_dict", ""),
    "Wehrbein": ("net", ""),
    "ZeDO": ("model_state_dict", "module."),
    "Diffpose": ("states[0]", "module."),
    "P-STMO": ("", "module."),
    "MHFormer": ("", ""),
}


def refusal(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        read_checkpoint(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.isprintable()
    return sentence


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("repository", TAKEN)
def test_every_container_gives_the_same_tensors(repository: str, new: bool, tmp_path: Path) -> None:
    found = read_checkpoint(save_torch(containers(STATE)[repository], tmp_path / "model.bin", new))
    assert (found.taken, found.prefix) == TAKEN[repository]
    assert found.container == (ZIP if new else LEGACY)
    assert list(found.tensors) == list(STATE)
    assert all(torch.equal(found.tensors[key], STATE[key]) for key in STATE)
    assert all(found.tensors[key].dtype == STATE[key].dtype for key in STATE)
    assert found.averaged is None


def test_what_stands_beside_is_said(tmp_path: Path) -> None:
    found = read_checkpoint(save_torch(containers(STATE)["MixSTE"], tmp_path / "model.bin"))
    assert found.facts == {"epoch": 7.0, "lr": 4e-5, "min_loss": 40.9}
    assert found.passed_over == ("random_state", "optimizer")


def test_a_module_keeps_its_parameters(tmp_path: Path) -> None:
    """Parameters, and the metadata that PyTorch hangs on its state dicts."""
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    for new in (True, False):
        saved = {
            "state_dict": net.state_dict(),
            "extra": net[0].weight,
            "size": torch.Size([2]),
            "dtype": torch.float16,
        }
        found = read_checkpoint(save_torch(saved, tmp_path / "model.pth.tar", new))
        assert all(torch.equal(found.tensors[key], value) for key, value in net.state_dict().items())


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_views_and_dtypes(new: bool, tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(4, 6)
    state = {
        "whole": base, "transposed": base.T, "part": base[1:3, ::2], "one": base[2, 3], "none": base[:0],
        "parameter": nn.Parameter(base[3]),
        **{name: torch.arange(5).to(dtype) for name, dtype in DTYPES.items()},
    }  # fmt: skip
    found = read_checkpoint(save_torch(state, tmp_path / "model.pth", new)).tensors
    for key, value in state.items():
        assert found[key].dtype == value.dtype
        assert found[key].shape == value.shape
        assert torch.equal(found[key], value)
        assert found[key].is_contiguous()


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_python_2_wrote_strings_as_bytes(new: bool, tmp_path: Path) -> None:
    """Protocol 2 without unicode, as Python 2 pickled names; here by exchanging the opcode."""
    path = save_torch({"ab": torch.ones(2)}, tmp_path / "model.pth", new)
    unicode, text = b"X\x02\x00\x00\x00ab", b"U\x02ab"
    if new:
        content = members(path)
        name = next(name for name in content if name.endswith("data.pkl"))
        content[name] = content[name].replace(unicode, text)
        path.write_bytes(zipped(content))
    else:
        path.write_bytes(path.read_bytes().replace(unicode, text))
    assert list(read_checkpoint(path).tensors) == ["ab"]


def test_another_byte_order(tmp_path: Path) -> None:
    path = save_torch({"a": torch.tensor([1.0, 2.5, -3.0]), "n": torch.tensor([7])}, tmp_path / "model.pth")
    content = members(path)
    for name, data in content.items():
        if name.endswith("byteorder"):
            content[name] = b"big"
        elif "/data/" in name:
            width = 4 if len(data) == 12 else 8
            content[name] = b"".join(data[i : i + width][::-1] for i in range(0, len(data), width))
    path.write_bytes(zipped(content))
    found = read_checkpoint(path).tensors
    assert found["a"].tolist() == [1.0, 2.5, -3.0]
    assert found["n"].tolist() == [7]


def test_storages_that_are_parts_of_others(tmp_path: Path) -> None:
    """Files of before PyTorch 0.4: the key of a storage may name the part of another that it is."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: object) -> object:
            return value if isinstance(value, tuple) and value[:1] == ("storage",) else None

    class Rebuilt:
        def __reduce__(self) -> tuple[object, ...]:
            storage = ("storage", torch.FloatStorage, "1", "cpu", 6, ("2", 2, 3))
            return torch._utils._rebuild_tensor, (storage, 1, (2,), (1,))

    path = tmp_path / "model.pth"
    with path.open("wb") as file:
        for value in (MAGIC, 1001, {"little_endian": True}):
            pickle.dump(value, file, 2)
        Pickler(file, 2).dump(collections.OrderedDict(a=Rebuilt()))
        pickle.dump(["1"], file, 2)
        file.write((6).to_bytes(8, "little") + torch.arange(6.0).numpy().tobytes())
    assert read_checkpoint(path).tensors["a"].tolist() == [3.0, 4.0]


def test_moving_averages(tmp_path: Path) -> None:
    averages = {key: value + 1 for key, value in STATE.items() if value.is_floating_point()}
    by_place = {
        "model_state_dict": STATE,
        "ema": {"decay": 0.9, "num_updates": 3, "shadow_params": list(averages.values())},
    }
    found = read_checkpoint(save_torch(by_place, tmp_path / "a.pth")).averaged
    assert isinstance(found, list)
    assert all(torch.equal(ours, value) for ours, value in zip(found, averages.values(), strict=True))
    listed = [STATE, {}, 30, 1000, {f"module.{key}": value for key, value in averages.items()}]
    by_key = read_checkpoint(save_torch(listed, tmp_path / "b.pth")).averaged
    assert isinstance(by_key, dict)
    assert by_key.keys() == averages.keys()


def test_safetensors_with_public_keys(tmp_path: Path) -> None:
    found = read_checkpoint(
        save_public({f"module.{key}": value for key, value in STATE.items()}, tmp_path / "m.safetensors")
    )
    assert found.prefix == "module."
    assert found.tensors.keys() == STATE.keys()
    save_file(STATE, tmp_path / "ours.safetensors", metadata={"posebench": "{}"})
    assert "posebench's already" in refusal(tmp_path / "ours.safetensors")


@pytest.mark.parametrize("form", ["zip", "legacy", "first"])
@pytest.mark.parametrize("trick", evil_pickles(Path()))
def test_nothing_is_run(trick: str, form: str, tmp_path: Path) -> None:
    marker, path = tmp_path / "marker", tmp_path / "evil.pth"
    content, name = evil_pickles(marker)[trick]
    if form == "zip":
        content = zipped({"a/data.pkl": content})
    elif form == "legacy":
        content = b"".join(pickle.dumps(value, 2) for value in (MAGIC, 1001, {"little_endian": True})) + content
    path.write_bytes(content)
    assert f"tries to call {name}" in refusal(path)
    assert not marker.exists()


def test_a_pickled_module_is_refused_by_its_name(tmp_path: Path) -> None:
    assert "tries to call torch.nn.modules.linear.Linear" in refusal(save_torch(nn.Linear(2, 2), tmp_path / "net.pt"))


@pytest.mark.parametrize(
    "value",
    [b"ctorch\nFloatStorage\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n"],
)
def test_a_pickle_changes_nothing_it_was_given(value: bytes, tmp_path: Path) -> None:
    """State set on what a pickle may name is set for nobody else."""
    path = tmp_path / "evil.pth"
    path.write_bytes(
        zipped({"a/data.pkl": b"\x80\x02" + value + b"}X\x04\x00\x00\x00nameX\x0d\x00\x00\x00DoubleStorages}b."})
    )
    refusal(path)
    found = read_checkpoint(save_torch({"a": torch.ones(2)}, tmp_path / "good.pth")).tensors
    assert found["a"].dtype == torch.float32


def test_a_tensor_stays_in_its_storage(tmp_path: Path) -> None:
    assert "beyond its storage" in refusal(save_torch({"a": torch.ones(1).expand(1 << 40)}, tmp_path / "wide.pth"))
    path = save_torch({"a": torch.ones(4)}, tmp_path / "long.pth")
    content = members(path)
    name = next(name for name in content if name.endswith("data.pkl"))
    # The shape (4,) as pickled becomes (9,).
    content[name] = content[name].replace(b"K\x04\x85", b"K\x09\x85")
    path.write_bytes(zipped(content))
    assert "beyond its storage" in refusal(path)


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_a_file_that_is_cut_off(new: bool, tmp_path: Path) -> None:
    whole = save_torch(containers(STATE)["VideoPose3D"], tmp_path / "model.bin", new).read_bytes()
    path = tmp_path / "cut.bin"
    for part in range(0, len(whole) - 1, len(whole) // 40):
        path.write_bytes(whole[:part])
        assert "cut.bin" in refusal(path)


def test_a_legacy_file_that_is_cut_off_between_two_storages(tmp_path: Path) -> None:
    # Storages lie in an order by chance: so many that nobody asks for, that one of them is near the end.
    optimizer = {str(number): torch.zeros(4) for number in range(60)}
    whole = save_torch({"model_pos": STATE, "optimizer": optimizer}, tmp_path / "model.bin", False).read_bytes()
    path = tmp_path / "cut.bin"
    for left_out in range(1, 100):
        path.write_bytes(whole[:-left_out])
        assert "ends within its storages" in refusal(path)


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    path = save_torch(STATE, tmp_path / "model.pth")
    content = members(path)
    root = next(iter(content)).partition("/")[0]
    for name, data, said in (
        ("packed.pth", zipped(content, zipfile.ZIP_DEFLATED), "packed again"),
        ("script.pt", zipped({**content, f"{root}/constants.pkl": b""}), "TorchScript"),
        ("arrays.npz", zipped({"a.npy": b""}), "no PyTorch checkpoint"),
        ("page.bin", b"<!DOCTYPE html><html>quota exceeded</html>", "a web page"),
        ("pointer.bin", b"version https://git-lfs.github.com/spec/v1\n", "git-lfs"),
        ("plain.pkl", pickle.dumps({"a": 1}), "none of PyTorch's"),
        ("empty.bin", b"", "no checkpoint"),
    ):
        (tmp_path / name).write_bytes(data)
        assert said in refusal(tmp_path / name)
    assert "is not there" in refusal(tmp_path / "absent.bin")
    assert "holds no state dict: it has epoch, lr" in refusal(save_torch({"epoch": 1, "lr": 2}, tmp_path / "no.bin"))
    assert "holds a Tensor" in refusal(save_torch(torch.ones(2), tmp_path / "one.bin"))
