"""Checks quarantined rows again, by the rules and limits of now, before they are released."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.rules_and_limits import RowLimits
from tasks.warehouse.row_names import name_row

if TYPE_CHECKING:
    import pyarrow as pa

TEXT_ENCODING, UTF_8 = "text_encoding", "utf-8"
FindEncoding = Callable[[dict[str, Any]], str]
"""Returns the encoding in which the text of a quarantined row is read."""


@dataclass(frozen=True)
class StillBad:
    """A row that stays in quarantine, and why."""

    name: str
    uri: str
    reason: str


def check_again(
    chosen: "pa.Table", limits: RowLimits, find_encoding: FindEncoding
) -> tuple[list[StillBad], "pa.Table"]:
    """Return the rows that still break a rule, with the reason, and a table of the rows that pass, with their texts.

    Its column `encoding` is null for texts that were read as UTF-8.
    """
    import pyarrow as pa

    from data_contracts.review_files import check_rows, measure_rows
    from data_contracts.sources.language import mark_english
    from models.tokenizer import mark_texts_with_words

    texts, encodings, reasons = _decode_rows(chosen, find_encoding)
    rows = _build_rows(chosen, texts).append_column("encoding", pa.array(encodings, pa.string()))
    if len(rows):
        _, broken = check_rows(measure_rows(rows, mark_texts_with_words(rows["text"])), limits)
        for position, (rule, detail) in broken.items():
            reasons.setdefault(position, f"still breaks {rule}: {detail}")
    good = rows.take(pa.array([p for p in range(len(rows)) if p not in reasons], pa.int64()))
    good = good.append_column("in_english", pa.array(mark_english(good["text"])))
    # Who releases a row wants it to count, in whatever language.
    good = good.append_column("counts", pa.repeat(True, len(good)))
    return list_still_bad(chosen, reasons), good


def _decode_rows(
    chosen: "pa.Table", find_encoding: FindEncoding
) -> tuple[list[str | None], list[str | None], dict[int, str]]:
    """Return the text of each row, its encoding unless that is UTF-8, and the reasons by position of those without."""
    texts: list[str | None] = []
    encodings: list[str | None] = []
    reasons: dict[int, str] = {}
    for position, row in enumerate(chosen.select(["raw", "rule", "raw_is_text", "source"]).to_pylist()):
        encoding, text = find_encoding(row), None
        if row["raw"] is None or not row["raw_is_text"]:
            reasons[position] = (
                f"its text was not kept completely ({row['rule']}): correct it in its file and put that into the inbox"
            )
        else:
            try:
                text = row["raw"].decode(encoding)
            except UnicodeDecodeError as error:
                byte = f"byte {error.start + 1:,}"
                reasons[position] = (
                    f"{byte} is not valid {encoding}: name the text's encoding with --encoding"
                )
        texts.append(text)
        encodings.append(None if encoding == UTF_8 else encoding)
    return texts, encodings, reasons


def _build_rows(chosen: "pa.Table", texts: Sequence[str | None]) -> "pa.Table":
    """Return the rows as a reader gives them, with these texts and without a rule; any value may be null."""
    import pyarrow as pa

    from data_contracts.review_files import READ_SCHEMA

    nothing = pa.nulls(len(chosen), pa.string())
    replaced = {"text": texts, "rule": nothing, "detail": nothing}
    kept = {name: chosen[name] for name in READ_SCHEMA.names if name not in replaced}
    schema = pa.schema([field.with_nullable(True) for field in READ_SCHEMA])
    rows = pa.table({**kept, **replaced}).select(READ_SCHEMA.names).cast(schema)
    for name in ("source_sha256", "uri", "source"):
        rows = rows.append_column(name, chosen[name])
    return rows


def list_still_bad(rows: "pa.Table", reasons: Mapping[int, str]) -> list[StillBad]:
    """Return the rows with a reason, by position, not to be released."""
    import pyarrow as pa

    positions = sorted(reasons)
    kept = (
        rows.select(["source_sha256", "row_number", "uri"]).take(pa.array(positions, pa.int64())).to_pylist()
    )
    return [
        StillBad(name_row(row["source_sha256"], row["row_number"]), row["uri"] or "", reasons[position])
        for position, row in zip(positions, kept, strict=True)
    ]
