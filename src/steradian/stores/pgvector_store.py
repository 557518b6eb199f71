"""A table of PostgreSQL with the extension pgvector as a store."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from steradian.errors import MissingExtraError, SavedModelError
from steradian.stores.conditions import Condition
from steradian.stores.facts import StoreFacts

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PgvectorStore"]

_TYPES = {"text": "text", "integer": "bigint", "number": "double precision", "boolean": "boolean"}


class PgvectorStore:
    """A table of PostgreSQL; each batch is one transaction, so a killed process leaves a whole number of them.

    The facts are the comment of the table.

    Args:
        dsn: as libpq takes it: postgresql://user@host/database, or host=... dbname=...; a password may stand in it, or
            in PGPASSWORD.
        name: of the table, maybe with its schema: public.shoes.
    """

    vector_type = "vector({dim})"
    preparation = "CREATE EXTENSION IF NOT EXISTS vector"

    def __init__(self, dsn: str, name: str) -> None:
        self.place = f"pgvector:...#{name}"
        try:
            import psycopg
            from psycopg import sql
        except ImportError as error:
            raise MissingExtraError("pgvector", "psycopg", self.place) from error
        self.errors: tuple[type[Exception], ...] = (psycopg.Error, OSError)
        self._sql: Any = sql
        self._engine, self._dsn, self._connected = psycopg, dsn, None
        self._table = sql.Identifier(*name.split("."))

    @property
    def _connection(self) -> Any:
        if self._connected is None:
            self._connected = self._engine.connect(self._dsn, autocommit=True)
        return self._connected

    def facts(self) -> StoreFacts | None:
        """As `VectorStore.facts`."""
        named = self._table.as_string(self._connection)
        line = "SELECT to_regclass(%s) IS NOT NULL, obj_description(to_regclass(%s)::oid, 'pg_class')"
        there, comment = self._connection.execute(line, [named, named]).fetchone()
        if there and not (comment or "").startswith("{"):
            raise SavedModelError("a table that steradian filled", "another", self.place, "Name another table.")
        return StoreFacts.from_json(comment, self.place) if there else None

    def create(self, facts: StoreFacts) -> None:
        """As `VectorStore.create`."""
        types = {name: _TYPES[kind] for name, kind in facts.kinds.items()}
        types = {"id": f"{types['id']} PRIMARY KEY", "vector": f"{self.vector_type} NOT NULL"} | {
            name: kind for name, kind in types.items() if name != "id"
        }
        columns = self._joined(
            self._sql.SQL("{} " + kind.format(dim=facts.dim)).format(self._sql.Identifier(name))
            for name, kind in types.items()
        )
        with self._connection.transaction():
            self._connection.execute(self.preparation)
            self._run("CREATE TABLE {table} ({columns})", columns=columns)
            self.keep(facts)

    def keep(self, facts: StoreFacts) -> None:
        """As `VectorStore.keep`."""
        self._run("COMMENT ON TABLE {table} IS {facts}", facts=self._sql.Literal(facts.to_json()))

    def upsert(self, batches: Iterable["pa.Table"]) -> None:
        """As `VectorStore.upsert`."""
        for batch in batches:
            names = self._joined(map(self._sql.Identifier, batch.column_names))
            news = self._joined(
                self._sql.SQL("{0} = excluded.{0}").format(self._sql.Identifier(name)) for name in batch.column_names
            )
            chosen = self._joined(
                self._sql.SQL("{}::vector" if name == "vector" else "{}").format(self._sql.Identifier(name))
                for name in batch.column_names
            )
            with self._connection.transaction(), self._connection.cursor() as cursor:
                self._run(
                    "CREATE TEMP TABLE new_rows ON COMMIT DROP AS SELECT {names} FROM {table} LIMIT 0", names=names
                )
                self._run("ALTER TABLE new_rows ALTER COLUMN vector TYPE real[] USING NULL")
                copy_in = self._sql.SQL("COPY new_rows ({}) FROM STDIN").format(names)
                with cursor.copy(copy_in) as copy:
                    for row in batch.to_pylist():
                        copy.write_row(list(row.values()))
                line = (
                    "INSERT INTO {table} ({names}) SELECT {chosen} FROM new_rows ON CONFLICT (id) DO UPDATE SET {news}"
                )
                self._run(line, names=names, chosen=chosen, news=news)

    def known(self, ids: list[Any]) -> list[Any]:
        """As `VectorStore.known`."""
        return [row[0] for row in self._run("SELECT id FROM {table} WHERE id = ANY(%s)", [ids]).fetchall()]

    def remove(self, ids: list[Any]) -> None:
        """As `VectorStore.remove`."""
        self._run("DELETE FROM {table} WHERE id = ANY(%s)", [ids])

    def search(self, vectors: np.ndarray, k: int, where: Sequence[Condition], *, exact: bool) -> "list[pa.Table]":
        """As `VectorStore.search`."""
        import pyarrow as pa

        facts = self.facts()
        schema = facts.schema if facts else pa.schema({})
        columns = self._joined(
            self._sql.SQL("vector::real[]" if name == "vector" else "{}").format(self._sql.Identifier(name))
            for name in schema.names
        )
        tests, values = [self._sql.SQL("true")], []
        for condition in where:
            column = self._sql.Identifier(condition.column)
            asked = {"= ANY": list(condition.values)} if condition.values is not None else condition.ends
            tests += [self._sql.SQL(f"{{}} {sign}(%s)").format(column) for sign in asked]
            values += list(asked.values())
        tested = self._sql.SQL(" AND ").join(tests)
        line = "SELECT {columns} FROM {table} WHERE {tested} ORDER BY vector <=> %s::real[]::vector LIMIT %s"
        found = []
        with self._connection.transaction():
            if exact:
                self._connection.execute("SET LOCAL enable_indexscan = off")
            for vector in vectors:
                asked_for = [*values, vector.tolist(), k]
                rows = self._run(line, asked_for, columns=columns, tested=tested).fetchall()
                found.append(pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema))
        return found

    def count(self) -> int:
        """As `VectorStore.count`."""
        return int(self._run("SELECT count(*) FROM {table}").fetchone()[0])

    def close(self) -> None:
        """As `VectorStore.close`."""
        if self._connected is not None:
            self._connected.close()
            self._connected = None

    def _joined(self, parts: Iterable[Any]) -> Any:
        return self._sql.SQL(", ").join(parts)

    def _run(self, line: str, values: Sequence[Any] | None = None, **parts: Any) -> Any:
        """Run a line of SQL; names and literals come in as parts, values apart from it."""
        return self._connection.execute(self._sql.SQL(line).format(table=self._table, **parts), values)
