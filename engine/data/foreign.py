"""Refuses files of other programs, and says how to convert them."""

from __future__ import annotations

from pathlib import Path

import h5py

from engine.data.choices import listed
from engine.data.reader_errors import shorten
from engine.data.tables import FORMATS
from engine.errors import DataError

FROM_R = (
    "In R, write the counts with DropletUtils::write10xCounts('counts.h5', x, version = '3'), "
    "where x is LayerData(object, layer = 'counts') of Seurat or counts(sce)."
)
UNPACK = "Unpack it and open what is inside."
EXPORT = "Save the sheet as .csv, with names of genes and of cells."
# End of the name -> what it is, and what to do.
KINDS = {
    ".rds": ("an R object (.rds)", FROM_R),
    ".rda": ("R objects (.rda)", FROM_R),
    ".rdata": ("R objects (.RData)", FROM_R),
    ".robj": ("R objects (.Robj)", FROM_R),
    ".qs": ("an R object (.qs)", FROM_R),
    ".qs2": ("an R object (.qs2)", FROM_R),
    ".xlsx": ("a workbook (.xlsx)", EXPORT),
    ".xls": ("a workbook (.xls)", EXPORT),
    ".tar": ("an archive (.tar)", UNPACK),
    ".tar.gz": ("an archive (.tar.gz)", UNPACK),
    ".tgz": ("an archive (.tgz)", UNPACK),
    ".zip": ("an archive (.zip)", UNPACK),
    ".h5ad.gz": ("a compressed .h5ad", UNPACK),
    ".h5.gz": ("a compressed .h5", UNPACK),
    ".loom.gz": ("a compressed .loom", UNPACK),
    ".bam": ("aligned reads (.bam)", "Count them first, e.g. with Cell Ranger or STARsolo."),
    ".fastq.gz": ("reads (.fastq)", "Count them first, e.g. with Cell Ranger or STARsolo."),
    ".mat": ("a file of MATLAB (.mat)", "Write the counts as matrix.mtx with names of both sides."),
    ".pkl": ("Python objects (pickle)", "Save the counts with adata.write_h5ad; to open a pickle "
             "is to run it."),
    ".pickle": ("Python objects (pickle)", "Save the counts with adata.write_h5ad; to open a "
                "pickle is to run it."),
    ".npz": ("NumPy arrays (.npz) without names", "Save the counts with adata.write_h5ad."),
    ".parquet": ("a table (.parquet)", "Save the counts as .csv or with adata.write_h5ad."),
}  # fmt: skip
# How files begin, whatever they are called.
MAGIC = {
    b"RDX2": ".rdata",
    b"RDX3": ".rdata",
    b"RDA3": ".rdata",
    b"X\n\x00\x00\x00": ".rds",
    b"PK\x03\x04": ".zip",
    b"\x80\x04\x95": ".pkl",
    b"\x80\x05\x95": ".pkl",
}
IN_FOLDER = (".h5ad", ".h5", ".loom", ".h5mu", ".zarr")


def refuse_file(path: Path) -> None:
    """Refuse a file that another program alone can read, by its name or how it begins."""
    name = path.name.lower()
    ends = sorted((end for end in KINDS if name.endswith(end)), key=len)
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"\x1f\x8b"):
        import gzip

        try:
            with gzip.open(path) as packed:
                start = packed.read(8)
        except (OSError, EOFError):
            start = b""
    begun = [end for magic, end in MAGIC.items() if start.startswith(magic)]
    if not ends and not begun:
        return
    end = ends[-1] if ends else begun[0]
    what, remedy = KINDS[end]
    raise DataError(FORMATS, f"{what}: {shorten(path.name)}", remedy)


def refuse_hdf5(file: h5py.File, path: Path) -> None:
    """Refuse an HDF5 file of Seurat."""
    if {"assays", "cell.names"} <= set(file):
        raise DataError(FORMATS, f"a file of Seurat (.h5Seurat): {shorten(path.name)}", FROM_R)


def refuse_folder(path: Path) -> None:
    """Refuse a folder that holds several sources, each of which can be read."""
    sources = sorted(p.name for p in path.iterdir() if p.suffix.lower() in IN_FOLDER)
    if sources:
        raise DataError(
            "one file",
            f"a folder of {len(sources)}: {listed(sources)}",
            f"Name one of them, e.g. {shorten(path.name)}/{shorten(sources[0])}.",
        )
