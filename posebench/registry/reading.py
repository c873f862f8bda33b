"""From a YAML file to the manifest's structs: an error is one sentence that names the key and its line."""

import re
import reprlib
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml
from msgspec import inspect

from posebench.errors import ManifestError

#: The end of msgspec's message. A mapping's key is `[...]` in its path, whichever it is.
_AT = re.compile(r" - at (?P<is_key>`key` in )?`\$(?P<path>[\w.\[\]]*)`\Z")
_FIELD = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)

Key = str | int


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of what a manifest is made of: frozen, and a key that it does not know is an error."""


E = TypeVar("E", bound=Entry)


def read_yaml(path: Path, kind: type[E]) -> E:
    """The file as a struct; raises `ManifestError` naming the key and line of the first error."""
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.load(text, Loader=_UniqueKeyLoader)  # a SafeLoader: builds plain values only
    except OSError as error:
        raise ManifestError(f"The manifest {path} cannot be read ({error.strerror}).") from error
    except (UnicodeDecodeError, yaml.reader.ReaderError) as error:
        raise ManifestError(f"The manifest {path} is not plain text in UTF-8: {error.reason}.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ManifestError(f"The manifest {path.name}, line {line}, is not valid YAML: {error.problem}.") from error
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        keys, message = _explained(error, content, kind)
        where = f"line {_line_of(text, keys)}, key {'.'.join(map(str, keys))!r}" if keys else "as a whole"
        raise ManifestError(f"The manifest {path.name}, {where}: {message}.") from error


class _UniqueKeyLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML in which a key that is there twice is an error: YAML would silently keep the last."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave merge keys (`<<`) where they are, to be refused: they are a way to say a key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            seen: set[Any] = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key!r} is there twice", key_node.start_mark
                    )
                seen.add(key)
        return mapping


def _explained(error: msgspec.ValidationError, content: Any, kind: type[Entry]) -> tuple[list[Key], str]:
    """The keys on the way to an error, and what is wrong there."""
    at = _AT.search(str(error))
    message = str(error)[: at.start()] if at else str(error)
    keys: list[Key] = []
    expected = inspect.type_info(kind)
    for step in re.findall(r"\.{3}|\w+", at["path"]) if at else ():
        key, expected = _step(step, content, expected)
        keys.append(key)
        content = content[key]
    if at and at["is_key"]:
        keys.append(next(str(key) for key in content if not isinstance(key, str)))
        return keys, f"{message}; put the key in quotes"
    if field := _FIELD.fullmatch(message):
        required = field["what"] == "missing required"
        return [*keys, field["name"]], "Field required" if required else f"there is no such key{_known(expected)}"
    wanted = _wanted(expected)
    return keys, f"{reprlib.repr(content)} is not {wanted}" if wanted else message


def _step(step: str, content: Any, expected: inspect.Type) -> tuple[Key, inspect.Type]:
    """A step of msgspec's path as the key that is meant, and the type of what stands there."""
    expected = _present(expected)
    if isinstance(expected, inspect.StructType):
        return step, next(field.type for field in expected.fields if field.encode_name == step)
    if isinstance(expected, inspect.VarTupleType):
        return int(step), expected.item_type
    assert isinstance(expected, inspect.DictType)
    assert isinstance(expected.value_type, inspect.StructType)
    kind = expected.value_type.cls
    # msgspec goes through a mapping in its order and stops at the first error: it is the first value that fails alone.
    return next(key for key, value in content.items() if not _converts(value, kind)), expected.value_type


def _converts(value: Any, kind: type) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _present(kind: inspect.Type) -> inspect.Type:
    """The type of a value that is there: of `X | None`, X."""
    if isinstance(kind, inspect.UnionType):
        return next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    return kind


def _known(kind: inspect.Type) -> str:
    kind = _present(kind)
    assert isinstance(kind, inspect.StructType)
    return f", only {', '.join(field.encode_name for field in kind.fields)}"


def _wanted(kind: inspect.Type) -> str | None:
    """What msgspec does not say in words: the values of a `Literal`, the description of an annotated type."""
    kind = _present(kind)
    if isinstance(kind, inspect.LiteralType):
        return f"one of {', '.join(map(repr, kind.values))}"
    if isinstance(kind, inspect.Metadata) and kind.extra_json_schema:
        return str(kind.extra_json_schema["description"])
    return None


def _line_of(text: str, keys: list[Key]) -> int:
    """The line of the deepest node on the way of `keys` that is in the file."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line: int = node.start_mark.line if node else 0
    for part in keys:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                break
            key, node = found
            line = key.start_mark.line
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        else:
            break
    return line + 1
