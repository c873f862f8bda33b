"""Pickles: what the field's files hold is read whole, what else a file asks for is refused by name and not run."""

import contextlib
import copyreg
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evil_files import evil_pickles
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posebench.errors import DataDamagedError, DataMissingError
from posebench.pickles import read_pickle

ARRAYS = {
    "plain": np.arange(24.0).reshape(2, 3, 4),
    "fortran": np.asfortranarray(np.arange(6, dtype="f4").reshape(2, 3)),
    "big-endian": np.arange(3, dtype=">i4"),
    "empty": np.zeros((0, 17, 3), dtype="f4"),
    "number": np.array(5.0),
    "bool": np.array([True, False]),
    "complex": np.array([1j]),
    "text": np.array(["S1", "S11"]),
    "bytes": np.array([b"S1", b"S11"]),
}


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "file.pkl"
    path.write_bytes(content)
    return path


def refusal(tmp_path: Path, content: bytes) -> str:
    with pytest.raises(DataDamagedError) as caught:
        read_pickle(written(tmp_path, content))
    sentence = str(caught.value)
    assert "file.pkl" in sentence
    assert "\n" not in sentence
    assert sentence.isprintable()
    return sentence


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_back(name: str, protocol: int, tmp_path: Path) -> None:
    array = ARRAYS[name]
    found = read_pickle(written(tmp_path, pickle.dumps({"a": [array], "b": (array,)}, protocol)))
    for value in (found["a"][0], found["b"][0]):
        assert type(value) is np.ndarray
        assert value.dtype == array.dtype
        assert value.shape == array.shape
        assert (value == array).all()
        assert value.flags.writeable


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_of_objects_come_back(protocol: int, tmp_path: Path) -> None:
    objects = np.empty((2, 2), dtype=object)
    objects[0, 0], objects[0, 1], objects[1, 0] = {"pose": np.ones(2)}, [1, [2]], (np.zeros(1), "S1")
    for array in (objects, np.asfortranarray(objects)):
        found = read_pickle(written(tmp_path, pickle.dumps(array, protocol)))
        assert found.shape == (2, 2)
        assert found.dtype == object
        assert (found[0, 0]["pose"] == 1).all()
        assert found[0, 1] == [1, [2]]
        assert type(found[1, 0][0]) is np.ndarray
        assert found[1, 0][1] == "S1"
        assert found[1, 1] is None


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_come_back(protocol: int, tmp_path: Path) -> None:
    value: dict[str, Any] = {
        "numbers": [1, 2.5, 1j, True, None, 10**30],
        "text": ("Fußball", b"\xff\x00", b"", bytearray(b"ab"), bytearray()),
        "sets": [{1, 2}, set(), frozenset("ab")],
        "numpy": [np.float32(3.5), np.int64(-2), np.str_("S9"), np.bool_(True), np.bytes_(b"x")],
    }
    found = read_pickle(written(tmp_path, pickle.dumps(value, protocol)))
    assert found == value
    assert [type(number) for number in found["numpy"]] == [type(number) for number in value["numpy"]]


def test_an_ordered_dict_a_dtype_and_shared_values(tmp_path: Path) -> None:
    shared = np.zeros(2)
    loop: list[Any] = [shared]
    loop.append(loop)
    value = {"ordered": OrderedDict([("b", shared), ("a", 2)]), "dtype": np.dtype("<f4"), "loop": loop, "again": shared}
    found = read_pickle(written(tmp_path, pickle.dumps(value)))
    assert type(found["ordered"]) is dict
    assert list(found["ordered"]) == ["b", "a"]
    assert found["dtype"] == np.dtype("<f4")
    assert found["loop"][1] is found["loop"]
    assert found["ordered"]["b"] is found["again"] is found["loop"][0]


#: What Python 2 and its numpy wrote for {'poses': float64 [1.5, -2.0], 'genders': ['m'], 'name': u'café', 'o': [None, 'x'] objects}.
PYTHON2 = (
    b"(dp0\nS'poses'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\ntp6\nRp7\n"
    b"(I1\n(I2\ntp8\ncnumpy\ndtype\np9\n(S'f8'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nbI00\n"
    b"S'\\x00\\x00\\x00\\x00\\x00\\x00\\xf8?\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xc0'\np15\ntp16\nbsS'genders'\np17\n(lp18\n"
    b"S'm'\np19\nasS'name'\np20\nVcaf\xe9\np21\nsS'o'\np22\ng2\n(g3\n(I0\ntp23\ng5\ntp24\nRp25\n(I1\n(I2\ntp26\ng9\n"
    b"(S'O8'\np27\nI0\nI1\ntp28\nRp29\n(I3\nS'|'\np30\nNNNI-1\nI-1\nI63\ntp31\nbI00\n(lp32\nNaS'x'\np33\natp34\nbs."
)


def test_a_pickle_of_python_2(tmp_path: Path) -> None:
    found = read_pickle(written(tmp_path, PYTHON2))
    assert found["poses"].tolist() == [1.5, -2.0]
    assert found["genders"] == ["m"]
    assert found["name"] == "café"
    assert found["o"].tolist() == [None, "x"]
    as_bytes = read_pickle(written(tmp_path, PYTHON2), encoding="bytes")
    assert as_bytes[b"poses"].tolist() == [1.5, -2.0]


@pytest.mark.parametrize("trick", evil_pickles(Path()))
def test_nothing_is_run(trick: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    content, name = evil_pickles(marker)[trick]
    sentence = refusal(tmp_path, content)
    assert f"tries to call {name};" in sentence
    assert "nothing of it was run" in sentence
    assert not marker.exists()


def test_the_tricks_would_work_elsewhere(tmp_path: Path) -> None:
    tricks = evil_pickles(tmp_path / "marker")
    for trick in ("system", "deep", "array", "eval", "exec", "open"):
        pickle.loads(tricks[trick][0])
        assert (tmp_path / "marker").exists(), trick
        (tmp_path / "marker").unlink()


def test_objects_elsewhere_are_refused(tmp_path: Path) -> None:
    assert "refers to objects outside" in refusal(tmp_path, b"\x80\x04\x8c\x01x\x94Q.")
    assert "refers to objects outside" in refusal(tmp_path, b"Px\n.")


def test_the_extension_registry_is_no_way_around(tmp_path: Path) -> None:
    copyreg.add_extension("os", "system", 200)
    try:
        content = b"\x80\x02\x82\xc8."
        assert "os.system" in refusal(tmp_path, content)
        pickle.loads(content)  # puts it into a cache that the unpickler asks first
        assert "os.system" in refusal(tmp_path, content)
    finally:
        copyreg.remove_extension("os", "system", 200)


def test_a_function_cannot_be_changed_by_a_file(tmp_path: Path) -> None:
    assert "change a function" in refusal(tmp_path, b"c_codecs\nencode\n}Vname\nVvalue\nsb.")
    assert "change a function" in refusal(tmp_path, b"c_codecs\nencode\n(N}V_call\nVvalue\nstb.")


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
OBJECTS = b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR"


def test_bytes_do_not_become_pointers(tmp_path: Path) -> None:
    """numpy itself takes the flags of a dtype from the file, and an array of objects then from bytes."""
    forged = ARRAY + b"(I1\n(I1\nt" + OBJECTS + b"(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'AAAAAAAA'\ntb."
    assert "without 1 objects" in refusal(tmp_path, forged)


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (b"(I1\n(I1000000000000\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntRI00\nS'AAAAAAAA'\nt", "with 8 bytes"),
        (b"(I1\n(I1000000000000\nt" + OBJECTS + b"I00\n(lt", "without 1000000000000 objects"),
        (b"(I1\n(I-1\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntRI00\nS'AAAAAAAA'\nt", "of shape (-1,)"),
        (b"(I1\n(I1\ntcnumpy\ndtype\n(S'V8'\nI0\nI1\ntRI00\nS'AAAAAAAA'\nt", "a dtype 'V8'"),
        (b"(I1\n(I1\ntcnumpy\ndtype\n(S'f4,O'\nI0\nI1\ntRI00\nS'AAAAAAAA'\nt", "a dtype 'f4,O'"),
        (b"(I1\n(I1\ntS'f8'\nI00\nS'AAAAAAAA'\nt", "without dtype"),
    ],
)
def test_arrays_that_are_not_what_they_say(state: bytes, why: str, tmp_path: Path) -> None:
    assert why in refusal(tmp_path, ARRAY + state + b"b.")


@pytest.mark.parametrize(
    "content",
    [
        b"c__builtin__\nbytearray\n(I1000000000000\ntR.",
        b"c__builtin__\nbytes\n(I1000000000000\ntR.",
        b"c_codecs\nencode\n(Vx\nVidna\ntR.",
        ARRAY + b".",
        ARRAY.replace(b"cnumpy\nndarray", b"c__builtin__\nset") + b".",
        b"cnumpy\nndarray\n((I4\nttR.",
        b"\x80\x05\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"\x80\x05\x97.",
        b"]" * 3000 + b"a" * 2999 + b".",
    ],
)
def test_what_no_writer_writes_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    assert "cut off or damaged" in refusal(tmp_path, content)


def test_a_file_that_is_cut_off_at_any_byte(tmp_path: Path) -> None:
    content = pickle.dumps({"a": np.arange(3), "b": ["x"]})
    for length in range(len(content)):
        assert "cut off or damaged" in refusal(tmp_path, content[:length])
    assert "goes on after its end" in refusal(tmp_path, content + b"x")


#: LONG_BINPUT, whose index the unpickler makes room for before anything can refuse it.
MEMO = ord("r")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), value=st.integers(0, 255).filter(lambda value: value != MEMO))
def test_an_altered_byte_never_escapes(place: int, value: int, tmp_path: Path) -> None:
    content = bytearray(PYTHON2)
    content[place % len(content)] = value
    with contextlib.suppress(DataDamagedError):
        read_pickle(written(tmp_path, bytes(content)))


def test_a_file_that_is_not_there_and_one_that_is_no_pickle(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="is not there"):
        read_pickle(tmp_path / "absent.pkl")
    with pytest.raises(DataMissingError, match="cannot be read"):
        read_pickle(tmp_path)
    assert "cut off" in refusal(tmp_path, b"")
    for content, kind in (
        (b"PK\x03\x04 and so on", "a zip archive"),
        (b"<html>404</html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of git-lfs"),
    ):
        assert f"no pickle but {kind}" in refusal(tmp_path, content)
