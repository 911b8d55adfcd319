"""Makes a mutated file from a seed and a number, deterministically."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.fuzz.byte_mutations import Mutate, mutate_bytes
from tests.fuzz.parquet_mutations import PARQUET
from tests.fuzz.seeds import WRAPPINGS, WRAPS, make_contents
from tests.fuzz.stream_mutations import BZIP2, GZIP, XZ, ZSTD
from tests.fuzz.table_mutations import ARROW, AVRO, ORC
from tests.fuzz.tar_mutations import TAR
from tests.fuzz.text_mutations import DELIMITED, JSON_LINES, TEXT
from tests.fuzz.workbook_mutations import WORKBOOK, XLS
from tests.fuzz.zip_mutations import ZIP

MUTATIONS: Mapping[str, Mapping[str, Mutate]] = {
    "csv": DELIMITED,
    "tsv": DELIMITED,
    "jsonl": JSON_LINES,
    "json": JSON_LINES,
    "parquet": PARQUET,
    "text": TEXT,
    "orc": ORC,
    "arrow": ARROW,
    "avro": AVRO,
    "xlsx": {**WORKBOOK, **ZIP},
    "ods": {**WORKBOOK, **ZIP},
    "xls": XLS,
    "gz": GZIP,
    "zst": ZSTD,
    "bz2": BZIP2,
    "xz": XZ,
    "zip": ZIP,
    "stored zip": ZIP,
    "tar": TAR,
}
"""What can be done to each layer of a file, beside the mutations of any bytes."""

BYTES = "bytes"
_BYTES_SHARE = 0.2
_MUTATED_BYTES, _MOST_BYTES = 1 << 20, 8 << 20
"""What is larger is not mutated once more, and nothing gets larger than that."""
_FORMATS = (
    "parquet", "parquet", "parquet", "parquet", "csv", "csv", "tsv", "jsonl", "jsonl", "json", "text", "xlsx", "ods",
    "xls", "orc", "arrow", "avro",
)  # fmt: skip
_ENDINGS = {"text": "txt"}
"""Of the formats whose files do not end with their name."""


@dataclass(frozen=True)
class Mutation:
    """One mutation: its layer (0 is the content, 1 the container around it), its kind, and its random seed."""

    layer: int
    name: str
    chance: str


@dataclass(frozen=True)
class Plan:
    """How a file is made: its valid content, the containers around it, and the mutations."""

    format: str
    content: int
    """Which of the valid contents of the format."""
    wrapping: tuple[str, ...]
    mutations: tuple[Mutation, ...]

    def __str__(self) -> str:
        """Name the layers and the changes."""
        changes = ", ".join(
            f"{mutation.name} of {self.layers[mutation.layer]}" for mutation in self.mutations
        )
        return f"{' in '.join(self.layers)} (content {self.content}): {changes or 'unchanged'}"

    @property
    def layers(self) -> tuple[str, ...]:
        """The format and the containers around it, innermost first."""
        return (self.format, *self.wrapping)


def plan_case(seed: int, number: int) -> Plan:
    """Draw the plan of a case."""
    chance = random.Random(f"{seed}:{number}")
    format_name, wrapping = chance.choice(_FORMATS), chance.choice(WRAPPINGS)
    plan = Plan(format_name, chance.randrange(len(make_contents()[format_name])), wrapping, ())
    count = chance.choice([1, 1, 1, 1, 2, 2, 4])
    # Changes are made from the inside out, and the outer ones oftener hide the inner ones.
    drawn = sorted(_draw_layer(chance, plan) for _ in range(count))
    mutations = [_draw(chance, plan.layers[layer], layer) for layer in drawn]
    return replace(plan, mutations=tuple(mutations))


def _draw_layer(chance: random.Random, plan: Plan) -> int:
    return 0 if chance.random() < 0.5 else chance.randrange(len(plan.layers))


def _draw(chance: random.Random, layer_name: str, layer: int) -> Mutation:
    name = BYTES if chance.random() < _BYTES_SHARE else chance.choice(list(MUTATIONS[layer_name]))
    return Mutation(layer, name, f"{chance.getrandbits(64):x}")


def build(plan: Plan) -> tuple[str, bytes]:
    """Make the file: its name and its bytes."""
    data = make_contents()[plan.format][plan.content]
    name = f"reviews.{_ENDINGS.get(plan.format, plan.format)}"
    data = _mutate(plan, 0, data)
    for layer, wrap in enumerate(plan.wrapping, 1):
        name, data = WRAPS[wrap](name, data)
        data = _mutate(plan, layer, data)
    return name, data


def _mutate(plan: Plan, layer: int, data: bytes) -> bytes:
    for mutation in plan.mutations:
        if mutation.layer == layer and len(data) <= _MUTATED_BYTES:
            chance = random.Random(mutation.chance)
            mutate = mutate_bytes if mutation.name == BYTES else MUTATIONS[plan.layers[layer]][mutation.name]
            data = mutate(chance, data)[:_MOST_BYTES]
    return data
