"""`steradian embed`: unit vectors of a table as an index, a file, parts of a folder, or rows of a store."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from steradian.commands.part_files import write_parts
from steradian.commands.tables import add_on_error, load_named, read_named
from steradian.commands.vector_files import FILE_KINDS, write_vector_file
from steradian.errors import InputError
from steradian.out_paths import check_file, check_folder

if TYPE_CHECKING:
    from steradian import ObjectTable, SphereEmbedder

__all__ = ["embed", "embed_words"]


def embed_words(parser: ArgumentParser) -> None:
    """Its arguments.

    Args:
        parser: to add them to.
    """
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    line = "objects, with or without labels: a file, or a folder, a pattern or several files, below each other"
    parser.add_argument("table", nargs="+", metavar="TABLE", help=line)
    line = "the index folder to write: vectors, labels, ids; or FILE.npy, vectors alone; or FILE.parquet;"
    line += " of several files a folder with a Parquet file for each, where a run that was killed goes on"
    parser.add_argument("--out", metavar="PLACE", help=line)
    line = "or: lancedb:PATH#TABLE, qdrant:URL_OR_PATH#NAME, pgvector:DSN#TABLE, faiss:FILE or parquet:FILE"
    parser.add_argument("--to", metavar="STORE", help=line)
    line = "plain columns of TABLE to write to the store too, for searches to be filtered by"
    parser.add_argument("--columns", nargs="+", metavar="NAME", help=line)
    add_on_error(parser)


def embed(options: Namespace) -> int:
    """Write the vectors; the exit code.

    Args:
        options: as typed.
    """
    from steradian import Index, write_vectors

    out, table = options.out or "", options.table if len(options.table) > 1 else options.table[0]
    if bool(out) == bool(options.to) or (options.columns and out):
        fix = "Name one of them; --columns goes with --to."
        raise InputError("--out PLACE or --to STORE", "both" if out else "neither", "embed", fix)
    plain = out.lower().endswith(FILE_KINDS) and not Path(out).is_dir()
    if plain:
        check_file(out, others=options.table)
    elif out:
        check_folder(out, fix="Name a folder, or a file that ends in .npy or .parquet.")
        if Path(out, "config.json").exists():
            fix = f"Write {Path(out, 'index')}, where search looks for it."
            raise InputError("a folder of its own", f"{out}, the folder of a model", "--out", fix)
    model = load_named(options.model)
    if out and not plain and (files := _several(options.table)):
        return _embed_files(model, files, options)
    objects = read_named(table, model.schema_, options, labelled=False)
    if plain:
        write_vector_file(Index.build(model, objects), out)
    elif out:
        Index.build(model, objects).save(out)
    else:
        out = write_vectors(model, objects, options.to, columns=options.columns or [])
    print(f"wrote {_counted(len(objects), 'vector')} of width {model.embedding_dim} to {out}")
    return 0


def _several(tables: list[str]) -> list[Path]:
    """The files of a table that is no single file; none where it is one."""
    from steradian.data.table_files import files_of

    files = files_of(tables)
    return [] if files == [Path(tables[0]).expanduser()] else files


def _embed_files(model: "SphereEmbedder", files: list[Path], options: Namespace) -> int:
    """Embed file by file, and say what was there already."""
    from steradian.data.checks import NoRowsError

    def read(path: Path) -> "ObjectTable | None":
        try:
            objects = read_named(str(path), model.schema_, options, labelled=False)
        except NoRowsError:
            objects = None
        print(f"{path}: {_counted(len(objects or ()), 'object')}", flush=True)
        return objects

    found = write_parts(model, files, options.out, read, reading=options.on_error)
    written = f"{_counted(found.vectors, 'vector')} of width {model.embedding_dim} to {_counted(found.written, 'part')}"
    print(f"wrote {written} in {options.out}; {_counted(found.there, 'part')} had been there")
    if found.others:
        line = f"{_counted(found.others, 'part')} in {options.out} of files that are not in TABLE: left there."
        print(f"steradian: warning: {line}", file=sys.stderr)
    return 0


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'s' * (count != 1)}"
