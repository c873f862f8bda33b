"""The pickle in a PyTorch checkpoint, read without running anything: a tensor comes back as its place in a storage."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from posebench.errors import WeightsError
from posebench.pickles import Allowed, load_pickle, one_line

#: Dtypes by the name of the storage class that a checkpoint names; those of state dicts.
DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
#: numpy's random generators, by the names that its releases gave the parts of their pickles.
_RANDOM = (
    ("numpy.random", "__RandomState_ctor"),
    ("numpy.random._pickle", "__randomstate_ctor"),
    ("numpy.random._pickle", "__generator_ctor"),
    ("numpy.random._pickle", "__bit_generator_ctor"),
    ("numpy.random._mt19937", "MT19937"),
    ("numpy.random._pcg64", "PCG64"),
    ("numpy.random.bit_generator", "SeedSequence"),
    ("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"),
)


# Tuples with names, because a pickle can change the attributes of any other object it has got hold of.
class StorageRef(NamedTuple):
    """A storage of a checkpoint: `first` and `size` are in elements of what the container keeps under `key`."""

    key: str
    dtype: torch.dtype
    first: int
    size: int


class TensorRef(NamedTuple):
    """A tensor that has not been read: a view of a storage."""

    storage: StorageRef
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def view(self, storage: Tensor, where: str) -> Tensor:
        """The tensor in a storage that was read, copied out of it; raises `WeightsError` if it leads out of the storage."""
        last = self.offset + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
        count = math.prod(self.shape)
        # A view that repeats elements could ask for any amount of memory; no weights do.
        if count and (last >= self.storage.size or count > self.storage.size):
            raise WeightsError(f"A tensor of {where} reaches beyond its storage; the file is damaged: get it again.")
        begin = self.storage.first + self.offset
        return storage.as_strided(self.shape, self.stride, begin).clone(memory_format=torch.contiguous_format)


class _Inert:
    """What stands for an object that is not needed, such as a random generator's state."""

    __slots__ = ()

    def __init__(self, *values: Any) -> None: ...

    def __setstate__(self, state: object) -> None: ...


class _Dtype(NamedTuple):
    """A dtype or the class of a storage, by name."""

    name: str


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, stride: Any, *rest: Any) -> TensorRef:
    numbers = (offset, *shape, *stride)
    if not isinstance(storage, StorageRef) or len(shape) != len(stride):
        raise TypeError("a tensor without its storage, shape or stride")
    if any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError(f"a tensor of shape {shape} and stride {stride}")
    return TensorRef(storage, offset, tuple(shape), tuple(stride))


def _rebuild_parameter(tensor: Any, *rest: Any) -> TensorRef:
    if not isinstance(tensor, TensorRef):
        raise TypeError("a parameter without its tensor")
    return tensor


def _size(values: Any = ()) -> tuple[Any, ...]:
    return tuple(values)


#: What the pickle of a checkpoint may name beside arrays and containers. Any other name refuses the file.
NAMES: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor"): Allowed(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Allowed(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): Allowed(_rebuild_parameter),
    ("torch", "Size"): Allowed(_size),
    ("torch", "device"): Allowed(_Inert),
    **{name: Allowed(_Inert) for name in _RANDOM},
    **{("torch", name): _Dtype(name) for name in DTYPES},
    **{("torch", str(dtype).removeprefix("torch.")): _Dtype(str(dtype)) for dtype in DTYPES.values()},
}


def read_torch_pickle(file: Any, where: str) -> Any:
    """The value of the pickle at a file's position, tensors as `TensorRef`. Raises as `posebench.pickles.load_pickle`."""
    return load_pickle(file, where, names=NAMES, outside=_storage)


def _storage(key: Any) -> StorageRef:
    """A storage by the key that a pickle refers to it with: ('storage', class, name, device, count[, view])."""
    if not isinstance(key, tuple) or len(key) not in (5, 6) or key[0] != "storage":
        raise ValueError(f"a reference {one_line(str(key))}, which is to no storage")
    _, kind, name, _, count, *view = key
    if not isinstance(kind, _Dtype) or kind.name not in DTYPES or not isinstance(name, str):
        raise ValueError("a storage without its class or name")
    first = 0
    if view and view[0] is not None:
        # Files of before PyTorch 0.4 may have a storage that is a part of another.
        _, first, count = view[0]
    if any(type(number) is not int or number < 0 for number in (first, count)):
        raise ValueError(f"a storage of {count!r} elements")
    return StorageRef(name, DTYPES[kind.name], first, count)
