"""Policy files as layers: what each covers, and how one lies over another."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from domain.model import Ref, Word
from policies.reading import Key, Problem, problems_of, read_mapping, shown

NATION = "cn"


class Cover(Word):
    """What a policy file covers: a region, and there one program overlay or every program."""

    region: Annotated[str, Field(pattern=r"^(cn|\d{2}(\d{2}(\d{2})?)?)$")]
    overlay: Ref | None = None


class Header(Cover):
    """A file's keys that are no rules; those in `fixed` no layer above may change."""

    fixed: tuple[str, ...] = ()


class Layer(Word):
    """One policy file: its header and the rules that it changes."""

    file: str
    header: Header
    rules: dict[str, object]

    @property
    def cover(self) -> Cover:
        return Cover(region=self.header.region, overlay=self.header.overlay)


class Stack:
    """Layers laid over each other, lowest first; knows which file each value comes from.

    Mappings are merged key by key; anything else, lists too, replaces what lies below.
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.rules: dict[str, object] = {}
        self.problems: list[Problem] = []
        self._lowest = ""
        self._files: dict[Key, str] = {}
        self._fixed: dict[str, str] = {}
        for layer in layers:
            self._lowest = self._lowest or layer.file
            self._lay(layer.file, (), self.rules, layer.rules)
            self._fix(layer)

    def file_of(self, key: Key) -> str:
        """The file that last touched `key`; the lowest one for a key that none gives."""
        return self._files.get(key, self._lowest)

    def _lay(
        self, file: str, above: Key, under: dict[str, object], over: Mapping[str, object]
    ) -> None:
        for name, value in over.items():
            key = (*above, name)
            self._files[key] = file
            self._refuse_fixed(file, key, value)
            below = under.get(name)
            if isinstance(value, dict):
                inner = dict(below) if isinstance(below, dict) else {}
                self._lay(file, key, inner, value)
                under[name] = inner
            else:
                under[name] = value
                self._files |= dict.fromkeys(_items_of(key, value), file)

    def _fix(self, layer: Layer) -> None:
        for dotted in layer.header.fixed:
            if tuple(dotted.split(".")) not in self._files:
                reason = "no file below, nor this one, gives such a key"
                self.problems.append(
                    Problem(file=layer.file, key="fixed", value=shown(dotted), reason=reason)
                )
            self._fixed[dotted] = layer.file

    def _refuse_fixed(self, file: str, key: Key, value: object) -> None:
        dotted = ".".join(key)
        if dotted in self._fixed:
            reason = f"is fixed by {self._fixed[dotted]} and cannot be changed here"
            self.problems.append(Problem(file=file, key=dotted, value=shown(value), reason=reason))


def read_layer(path: Path) -> tuple[Layer | None, list[Problem]]:
    """A policy file as a layer, None where even what it covers cannot be told."""
    data, problems = read_mapping(path)
    if not data:
        return None, problems
    problems += [
        Problem(file=path.name, key=key, value=shown(data.pop(key)), reason="is never written")
        for key in ("name", "version")
        if key in data
    ]
    given = {key: data.pop(key) for key in Header.model_fields if key in data}
    try:
        header = Header.model_validate(given)
    except ValidationError as error:
        return None, problems + problems_of(error, lambda _: path.name)
    return Layer(file=path.name, header=header, rules=data), problems


def _items_of(key: Key, value: object) -> list[Key]:
    return [(*key, str(index)) for index in range(len(value))] if isinstance(value, list) else []
