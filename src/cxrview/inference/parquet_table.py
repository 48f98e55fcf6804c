"""Rows <-> Parquet: typed columns, few-valued ones as dictionaries, the model in the metadata."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cxrview import __version__
from cxrview.filenames import escaped_values
from cxrview.rows import COLUMN_MEANINGS, COLUMNS, IDENTITY_MEANINGS, LATER_COLUMNS, Row

# DuckDB and polars read the row groups of a file in parallel, and want about 100,000 rows in each.
# Rows wait for their group as Arrow columns, in a twentieth of the memory that dicts would take.
ROWS_PER_GROUP = 122_880
ROWS_PER_BATCH = 4_096
ROWS_PER_READ = 16_384

_FEW_VALUED = pa.dictionary(pa.int32(), pa.string())
COLUMN_TYPES: dict[str, pa.DataType] = {
    "file": pa.string(),
    "frame": pa.int32(),
    "view": _FEW_VALUED,
    "p_lateral": pa.float64(),  # float32 would not give back the six decimals
    "p_chest": pa.float64(),
    "rotation": pa.int16(),
    "inverted": pa.bool_(),
    "header_view": _FEW_VALUED,
    "header_source": _FEW_VALUED,
    "agreement": _FEW_VALUED,
    "error": pa.string(),
    "warning": pa.string(),
    "reason": _FEW_VALUED,
    "width": pa.int32(),
    "height": pa.int32(),
    "model": _FEW_VALUED,
    "sop_instance_uid": pa.string(),
    "series_instance_uid": pa.string(),
    "study_instance_uid": pa.string(),
    "modality": _FEW_VALUED,
    "body_part": _FEW_VALUED,
    "laterality": _FEW_VALUED,
    "accession_number": pa.string(),
}
_MEANINGS = COLUMN_MEANINGS | IDENTITY_MEANINGS
VERSION_KEY, MODEL_KEY = "cxrview.version", "cxrview.model"


def schema_for(model: str, columns: Iterable[str] = COLUMNS) -> pa.Schema:
    """The columns with their meanings; the metadata name the version of cxrview and the model."""
    fields = [
        pa.field(name, COLUMN_TYPES[name], metadata={"description": _MEANINGS[name]})
        for name in columns
    ]
    return pa.schema(fields, metadata={VERSION_KEY: __version__, MODEL_KEY: model})


class ParquetWriter:
    """Writes row by row into a binary file, which is readable once closed."""

    def __init__(self, file: BinaryIO, model: str) -> None:
        self._file = file
        self._model = model
        self._schema = schema_for(model)
        self._writer: pq.ParquetWriter | None = None
        self._rows: list[dict[str, Any]] = []
        self._group: list[pa.RecordBatch] = []
        self._grouped = 0  # rows in the group

    def write(self, row: Row) -> None:
        """Append one row; the first one decides which columns there are."""
        values = escaped_values(row)
        if not self._grouped and not self._rows and not self._writer:
            self._schema = schema_for(self._model, values)
        self._rows.append(values)
        waiting = len(self._rows)
        if waiting == ROWS_PER_BATCH or self._grouped + waiting >= ROWS_PER_GROUP:
            self._convert_rows()
        if self._grouped >= ROWS_PER_GROUP:
            self._write_group()

    def close(self) -> None:
        """Write the remaining rows, and the footer without which nothing can be read."""
        self._convert_rows()
        self._write_group().close()

    def _convert_rows(self) -> None:
        """Convert the rows so far to Arrow."""
        if self._rows:
            self._group.append(pa.RecordBatch.from_pylist(self._rows, self._schema))
            self._grouped += len(self._rows)
            self._rows = []

    def _write_group(self) -> Any:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        if self._group:
            # one dictionary for the group: DuckDB and others expect no more
            table = pa.Table.from_batches(self._group, self._schema).unify_dictionaries()
            self._writer.write_table(table, row_group_size=ROWS_PER_GROUP)
        self._group, self._grouped = [], 0
        return self._writer


def read_columns(path: Path) -> Iterator[dict[str, Sequence[Any]]]:
    """Columns of some thousand rows at a time: numbers as float64 arrays with NaN for null.

    Also accepts plain columns instead of dictionaries and other widths of number, as other programs
    write them. Raises KeyError where a column is missing.
    """
    with pq.ParquetFile(path) as file:
        present = [name for name in COLUMNS if name in file.schema_arrow.names]
        if missing := set(COLUMNS) - set(present) - set(LATER_COLUMNS):
            raise KeyError(f"it lacks the column {', '.join(sorted(missing))}")
        for batch in file.iter_batches(ROWS_PER_READ, columns=present):
            yield {name: _column_values(name, batch.column(name)) for name in present}


def _column_values(name: str, column: pa.Array) -> Sequence[Any]:
    if COLUMN_TYPES[name] in (pa.string(), pa.bool_(), _FEW_VALUED):
        texts: list[str | None] = column.cast(pa.string()).to_numpy(zero_copy_only=False).tolist()
        return texts
    numbers: np.ndarray[Any, Any] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers  # type: ignore[return-value]  # it is as good as a sequence


def column_names(path: Path) -> list[str]:
    """Names of all columns of a file."""
    names: list[str] = pq.read_schema(path).names
    return names


def read_texts(path: Path, names: Sequence[str]) -> Iterator[dict[str, str | None]]:
    """Rows of those columns of texts that are there."""
    with pq.ParquetFile(path) as file:
        present = [name for name in names if name in file.schema_arrow.names]
        for batch in file.iter_batches(ROWS_PER_READ, columns=present):
            yield from batch.to_pylist()


def copy_with_columns(
    path: Path, file: BinaryIO, names: Sequence[str], cells: Callable[[str], Sequence[str]]
) -> None:
    """Copy a table with further columns of texts. cells: file of a row -> their values."""
    with pq.ParquetFile(path) as source:
        schema = source.schema_arrow
        for name in names:
            schema = schema.append(pa.field(name, _FEW_VALUED))
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for number in range(source.num_row_groups):  # as large as when it was written
                table = source.read_row_group(number)
                columns = zip(*map(cells, table["file"].to_pylist()), strict=True)
                for name, values in zip(names, columns, strict=True):
                    texts = pa.array(values, pa.string()).dictionary_encode()
                    table = table.append_column(name, texts)
                writer.write_table(table.cast(schema), row_group_size=ROWS_PER_GROUP)


def writer_version(path: Path) -> str:
    """Version of cxrview that wrote a table, "" if another program did."""
    found: bytes = (pq.read_schema(path).metadata or {}).get(VERSION_KEY.encode(), b"")
    return found.decode(errors="replace")
