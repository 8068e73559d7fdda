"""The command ``python -m engine info``."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from engine.shell.click_command import ShellCommand
from engine.shell.counts_arguments import choices, given_choices


@click.command(cls=ShellCommand)
@click.argument("data", help="As DATA of fit.")
@choices
@click.option("--json", "as_json", is_flag=True, help="print one line of JSON")
def info(data: str, as_json: bool, **values: Any) -> None:
    """Print the content of a source and the choices it offers."""
    from engine.data import INDEX, Choices, inspect_source
    from engine.data.choices import OPTIONS

    source = inspect_source(data, Choices(**given_choices(values)))
    if as_json:
        print(json.dumps(dataclasses.asdict(source)))
        return
    print(f"{source.name}: {source.n_cells:,} cells, {source.n_genes:,} genes")
    for line in (source.guess_reason, *source.said):
        print(line)
    for layer in source.layers:
        print(f"--layer {json.dumps(layer.name, ensure_ascii=False)}: {layer.holds}")
    for offer in source.offers:
        taken = f" (taken: {offer.chosen})" if offer.chosen else ""
        print(f"{OPTIONS[offer.name][0]}: {', '.join(offer.options)}{taken}")
    if source.gene_columns:
        columns = ", ".join((INDEX, *source.gene_columns))
        print(f"--gene-names: {columns} (taken: {source.gene_names})")
    numbers = [column.name for column in source.columns if column.kind == "number"]
    if numbers:
        print(f"--library-size: {', '.join(numbers)}")
