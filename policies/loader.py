"""Loads the rules: `load_catalog` and `load_policies`, both with every error at once."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from domain.catalog import DIVISION_DIGITS, Catalog, Program
from domain.policy import Policy
from policies.catalog_files import CATALOG_FOLDER, PROGRAMS, read_catalog
from policies.layers import NATION, Cover, Layer, Stack, read_layer
from policies.reading import PolicyError, Problem, problems_of

POLICIES_FOLDER = Path(__file__).parent
VERSION_LENGTH = 16


class Policies:
    """The rules of every region and program overlay. Never changes: a changed file needs a new one.

    Made by `load_policies`.
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        self._layers = {layer.cover: layer for layer in layers}
        self._chains: dict[tuple[str, str | None], tuple[Cover, ...]] = {}
        self._made: dict[tuple[Cover, ...], Policy] = {}

    def for_region(self, region: str, program: Program) -> Policy:
        """The rules of a division (2, 4 or 6 digits; `cn` for the nation) and a program.

        Nation, province, city and county lie over each other in this order, then the program's
        overlay in the same order. A region without a file of its own has those of the region
        around it.
        """
        asked = region, program.policy
        if asked not in self._chains:
            self._chains[asked] = self._chain(*asked)
        chain = self._chains[asked]
        if chain not in self._made:
            self._made[chain] = _policy(Stack(self._layers[cover] for cover in chain), chain)
        return self._made[chain]

    def problems(self) -> Iterator[Problem]:
        """What is wrong with any region's rules, under any overlay.

        What a lower layer already has wrong is told once, there.
        """
        overlays = {cover.overlay for cover in self._layers}
        regions = {cover.region for cover in self._layers}
        chains = {self._chain(region, overlay) for region in regions for overlay in overlays}
        told: dict[frozenset[Cover], set[tuple[str, str, str]]] = {}
        for chain in sorted(chains, key=lambda covers: (len(covers), str(covers))):
            found = {problem: _identity(problem) for problem in self._problems_of(chain)}
            below = set().union(*(told[lower] for lower in told if lower < frozenset(chain)))
            yield from (problem for problem, identity in found.items() if identity not in below)
            told[frozenset(chain)] = set(found.values())

    def _problems_of(self, chain: tuple[Cover, ...]) -> list[Problem]:
        stack = Stack(self._layers[cover] for cover in chain)
        try:
            _policy(stack, chain)
        except ValidationError as error:
            return stack.problems + problems_of(error, stack.file_of)
        return stack.problems

    def _chain(self, region: str, overlay: str | None) -> tuple[Cover, ...]:
        regions = [NATION, *(region[:digits] for digits in DIVISION_DIGITS)]
        overlays = [None] if overlay is None else [None, overlay]
        covers = (Cover(region=place, overlay=name) for name in overlays for place in regions)
        return tuple(dict.fromkeys(cover for cover in covers if cover in self._layers))


def load_catalog(folder: Path | None = None) -> Catalog:
    """Divisions, occupations, modules and programs from a folder of such files (default: ours).

    Raises:
        PolicyError: naming file, line or key, and value of everything that is wrong.
    """
    catalog, problems = read_catalog(folder or CATALOG_FOLDER)
    if problems:
        raise PolicyError(problems)
    return catalog


def load_policies(folder: Path | None = None, catalog: Catalog | None = None) -> Policies:
    """The policy files of a folder (default: ours), checked against the catalog (default: ours).

    Raises:
        PolicyError: naming file, dotted key and value of everything that is wrong.
    """
    catalog = catalog or load_catalog()
    folder = folder or POLICIES_FOLDER
    layers: list[Layer] = []
    problems: list[Problem] = []
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        layer, found = read_layer(path)
        problems += found
        layers += [layer] if layer else []
    problems += _misplaced(layers, catalog)
    policies = Policies(layers)
    if any(layer.cover == Cover(region=NATION) for layer in layers):
        problems += policies.problems()
    elif not problems:
        problems = [_no_default(folder)]
    if problems:
        raise PolicyError(problems)
    return policies


def _misplaced(layers: list[Layer], catalog: Catalog) -> Iterator[Problem]:
    first: dict[Cover, str] = {}
    for layer in layers:
        region = layer.cover.region
        if region != NATION and catalog.division(region) is None:
            yield Problem(
                file=layer.file, key="region", value=repr(region), reason="is no division's code"
            )
        if layer.cover in first:
            yield Problem(
                file=layer.file,
                key="region",
                value=repr(region)
                + (f", overlay {layer.cover.overlay!r}" * bool(layer.cover.overlay)),
                reason=f"overlaps: {first[layer.cover]} already covers it",
            )
        first.setdefault(layer.cover, layer.file)
    overlays = {cover.overlay for cover in first}
    for program in catalog.programs.values():
        if program.policy is not None and program.policy not in overlays:
            yield Problem(
                file=PROGRAMS,
                key=f"{program.code}.policy",
                value=repr(program.policy),
                reason="no policy file has this overlay",
            )


def _no_default(folder: Path) -> Problem:
    return Problem(
        file=folder.name, key="region", value=NATION, reason="no file gives the nation's defaults"
    )


def _identity(problem: Problem) -> tuple[str, str, str]:
    return problem.key, problem.value, problem.reason


def _policy(stack: Stack, chain: tuple[Cover, ...]) -> Policy:
    """The merged rules as a policy; its version hashes what they mean, not how they are written."""
    names = (cover.region if cover.overlay is None else cover.overlay for cover in chain)
    name = "/".join(dict.fromkeys(names))
    policy = Policy.model_validate({**stack.rules, "name": name, "version": ""})
    rules = policy.model_dump(mode="json", exclude={"name", "version"})
    content = json.dumps(rules, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    version = hashlib.sha256(content.encode()).hexdigest()[:VERSION_LENGTH]
    return policy.model_copy(update={"version": version})
