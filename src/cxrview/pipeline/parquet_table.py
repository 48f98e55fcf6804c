"""Rows <-> Parquet: typed columns, few-valued ones as dictionaries, the model in the metadata."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from cxrview import __version__
from cxrview.pipeline.spelling import row_of_values, spelt_values
from cxrview.rows import COLUMN_MEANINGS, COLUMNS, Row

ROWS_PER_GROUP = 16_384

_FEW = pa.dictionary(pa.int32(), pa.string())
TYPES: dict[str, pa.DataType] = {
    "file": pa.string(),
    "frame": pa.int32(),
    "view": _FEW,
    "p_lateral": pa.float64(),  # as judged: float32 would not give back the six decimals
    "p_chest": pa.float64(),
    "header_view": _FEW,
    "header_source": _FEW,
    "agreement": _FEW,
    "error": pa.string(),
    "width": pa.int32(),
    "height": pa.int32(),
    "model": _FEW,
}


def schema_for(model: str) -> pa.Schema:
    """The columns with their meanings, and what made them."""
    fields = [
        pa.field(name, TYPES[name], metadata={"description": COLUMN_MEANINGS[name]})
        for name in COLUMNS
    ]
    return pa.schema(fields, metadata={"cxrview.version": __version__, "cxrview.model": model})


class ParquetWriter:
    """Row by row into a binary file, which is readable once closed."""

    def __init__(self, file: BinaryIO, model: str) -> None:
        self._file = file
        self._schema = schema_for(model)
        self._writer: pq.ParquetWriter | None = None
        self._group: list[dict[str, Any]] = []

    def write(self, row: Row) -> None:
        """Append one row."""
        self._group.append(spelt_values(row))
        if len(self._group) == ROWS_PER_GROUP:
            self._write_group()

    def close(self) -> None:
        """Write what is left, and the footer without which nothing can be read."""
        self._write_group().close()

    def _write_group(self) -> Any:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        self._writer.write_table(pa.Table.from_pylist(self._group, self._schema))
        self._group = []
        return self._writer


def read_parquet(path: Path) -> Iterator[Row]:
    """Rows of a table that `ParquetWriter` wrote."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from map(row_of_values, batch.to_pylist())
