"""npz archives: arrays and objects come back, what is cut off, altered, lying or evil is refused in a sentence."""

import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evil_files import evil_pickles, npy_of_objects, zip_of

from posebench.errors import DataDamagedError, DataMissingError
from posebench.npz import read_npz


def refusal(path: Path, names: list[str] | None = None) -> str:
    with pytest.raises(DataDamagedError) as caught:
        read_npz(path, names)
    sentence = str(caught.value)
    assert path.name in sentence
    assert "\n" not in sentence
    assert sentence.isprintable()
    return sentence


def saved(tmp_path: Path, compressed: bool = True, **arrays: Any) -> Path:
    path = tmp_path / "file.npz"
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


def archive(tmp_path: Path, **members: bytes) -> Path:
    path = tmp_path / "file.npz"
    path.write_bytes(zip_of({f"{name}.npy": content for name, content in members.items()}))
    return path


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("compressed", [True, False])
def test_arrays_and_objects_come_back(compressed: bool, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    arrays = {
        "poses": random.normal(size=(5, 17, 3)),
        "fortran": np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3)),
        "empty": np.zeros((0, 3)),
        "number": np.array(2.5),
        "names": np.array(["S1", "S11"]),
        "mask": np.array([True, False]),
    }
    positions = {"S1": {"Walking 1": random.normal(size=(4, 32, 3)).astype("f4")}}
    objects = np.empty(2, dtype=object)
    objects[:] = ["a", np.ones(2)]
    path = saved(tmp_path, compressed, **arrays, positions_3d=np.array(positions, dtype=object), objects=objects)
    found = read_npz(path)
    assert list(found) == [*arrays, "positions_3d", "objects"]
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert (found[name] == array).all()
    found["poses"][0] = 0
    assert (found["positions_3d"]["S1"]["Walking 1"] == positions["S1"]["Walking 1"]).all()
    assert found["objects"][0] == "a"
    assert (found["objects"][1] == 1).all()


def test_only_what_is_named_is_read(tmp_path: Path) -> None:
    path = archive(tmp_path, good=npy([1, 2]), bad=b"no npy file")
    assert read_npz(path, ["good"])["good"].tolist() == [1, 2]
    assert "array 'bad'" in refusal(path)
    assert "no array 'poses' but 'good', 'bad'" in refusal(path, ["good", "poses"])


@pytest.mark.parametrize("shape", [(), (2,)])
@pytest.mark.parametrize("trick", evil_pickles(Path()))
def test_nothing_is_run(trick: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    content, name = evil_pickles(marker)[trick]
    sentence = refusal(archive(tmp_path, positions_3d=npy_of_objects(content, shape)))
    assert f"array 'positions_3d' tries to call {name}; nothing of it was run" in sentence
    assert not marker.exists()


def test_objects_that_are_not_the_array_announced(tmp_path: Path) -> None:
    assert "not the array of shape (2,)" in refusal(archive(tmp_path, a=npy_of_objects(pickle.dumps([1, 2]), (2,))))
    three = pickle.dumps(np.array([1, 2, None]))
    assert "not the array of shape (2,)" in refusal(archive(tmp_path, a=npy_of_objects(three, (2,))))
    assert "goes on after its end" in refusal(archive(tmp_path, a=npy_of_objects(three + b"x", (3,))))
    assert "cut off or damaged" in refusal(archive(tmp_path, a=npy_of_objects(three[:-9], (3,))))


def test_a_file_that_is_cut_off_at_any_place(tmp_path: Path) -> None:
    content = saved(tmp_path, a=np.arange(5), b=np.array({"x": np.ones(2)}, dtype=object)).read_bytes()
    path = tmp_path / "cut.npz"
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        refusal(path)
    assert "table of contents" in refusal(path)


def test_an_altered_byte_is_found(tmp_path: Path) -> None:
    path = saved(tmp_path, compressed=False, a=np.arange(500.0), b=np.array({"x": np.ones(2)}, dtype=object))
    content = path.read_bytes()
    for place in (content.index(b"\x93NUMPY") + 2000, content.index(b"numpy.", 4000) + 8):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        refusal(path)


def lying(tmp_path: Path, size: int, name: str = "a", packed: int | None = None) -> Path:
    """An archive whose table of contents says another size than its member has."""
    path = tmp_path / "file.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(f"{name}.npy", npy(np.zeros(1000)))
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", size)
    if packed is not None:
        content[entry + 20 : entry + 24] = struct.pack("<I", packed)
    path.write_bytes(content)
    return path


def test_sizes_that_lie(tmp_path: Path) -> None:
    for size in (50, 500, 8127, 8129, 60_000_000):
        refusal(lying(tmp_path, size))
    assert "nothing was unpacked" in refusal(lying(tmp_path, 500_000_000))
    assert "nothing was unpacked" in refusal(lying(tmp_path, 4_000_000_000, packed=4_000_000_000))


def test_an_archive_that_would_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made, made.open("a.npy", "w") as member:
        for _ in range(70):
            member.write(bytes(1 << 20))
    assert "as no poses do; nothing was unpacked" in refusal(path)


def test_a_header_that_announces_more_than_there_is(tmp_path: Path) -> None:
    header = npy(np.zeros(3)).replace(b"(3,), }      ", b"(3000000000,)").replace(b"      \n", b" }    \n")
    sentence = refusal(archive(tmp_path, a=header))
    assert "3000000000" in sentence
    assert "24 bytes" in sentence


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x00" + bytes(20),
        npy(np.zeros(3)).replace(b"'<f8'", b"'<q9'"),
        npy(np.zeros(3)).replace(b"(3,)", b"(-3)"),
        npy(np.zeros(3)).replace(b"(3,)", b"exit"),
        npy(np.zeros(2, dtype=[("x", "f4")])),
    ],
)
def test_members_that_are_no_plain_npy_file(content: bytes, tmp_path: Path) -> None:
    refusal(archive(tmp_path, a=content))


def test_archives_that_numpy_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    for name, why in (
        ("../../escape.npy", "leads out"),
        ("/etc/x.npy", "leads out"),
        ("archive/data.pkl", "no npy file"),
        ("\x1b[2J", "no npy file"),
    ):
        path.write_bytes(zip_of({name: npy([1])}))
        assert why in refusal(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as made:
        made.writestr("a.npy", npy([1]))
    assert "in a way that numpy does not" in refusal(path)
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a.npy", npy([1]))
        with pytest.warns(UserWarning, match="Duplicate"):
            made.writestr("a.npy", npy([2]))
    assert "twice" in refusal(path)
    content = bytearray(zip_of({"a.npy": npy([1])}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "encrypted" in refusal(path)


def test_a_file_that_is_not_there_and_one_that_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="is not there"):
        read_npz(tmp_path / "absent.npz")
    with pytest.raises(DataMissingError, match="cannot be read"):
        read_npz(tmp_path)
    path = tmp_path / "file.npz"
    for content, kind in ((npy([1]), "an npy file"), (b"\x89HDF\r\n\x1a\n", "an HDF5 file"), (b"", "another kind")):
        path.write_bytes(content)
        assert kind in refusal(path)
