"""The commands of ``python -m engine`` and their arguments."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

from engine.jobs.failures import describe, is_expected
from engine.lda.config import Inference
from engine.lnm.config import CapturePrior, DMode, LNMInference, Precision
from engine.registry import FAMILIES, MODELS
from engine.shell import (
    check,
    counts,
    fit,
    info,
    report,
    score,
    simulate,
    sweep,
    uncertainty,
)
from engine.shell.options import Noted, choices
from engine.validation import AUTO

# By the name of a setting; what several families have is as in the first.
_DEFAULTS: dict[str, Any] = {
    field.name: field.default
    for family in reversed(FAMILIES)
    for field in dataclasses.fields(family.config)
}
_FAILED = 2
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0, 2 after an error, 130 after Ctrl-C with no fit."""
    options = build_parser().parse_args(arguments)
    try:
        options.command(options)
    except KeyboardInterrupt:
        print("Interrupted; nothing was saved.", file=sys.stderr)
        return _INTERRUPTED
    except Exception as error:
        if options.traceback:
            traceback.print_exc()
        more = "" if is_expected(error) else " (--traceback shows where)"
        print(f"{describe(error)}{more}", file=sys.stderr)
        return _FAILED
    return 0


def _size(text: str) -> int | str:
    """A number of factors or topics, or that it is to be chosen."""
    return AUTO if text == AUTO else int(text)


def _settings_of_a_fit(parser: argparse.ArgumentParser) -> None:
    """The data, and all settings but the number of topics or factors."""
    add = parser.add_argument
    some = partial(add, action=Noted)
    add("data", metavar="DATA", help="counts: a file or folder (see README), or 'demo'")
    add(
        "--model",
        choices=tuple(MODELS),
        default=next(iter(MODELS)),
        help="with 'vcp': variable capture; 'lda': topics",
    )
    add("--genes", default="2000", help="how many, 'all', a file of names, or names with commas")
    add("--layer", help="layer of raw counts (X, raw or a name; guessed if not given)")
    add(
        "--gene-names",
        metavar="COLUMN",
        help="column of var with the names of the genes, or 'index'; a column of symbols beside an "
        "index of ids is found if not given",
    )
    choices(parser)
    add("--reference", help="gene that is the ALR reference")
    add("--library-size", metavar="COLUMN", help="labels with each cell's counts over all genes")
    some("--d-mode", choices=get_args(DMode), default=_DEFAULTS["d_mode"], help="residual variance")
    some("--capture-prior", choices=get_args(CapturePrior), default=_DEFAULTS["capture_prior"])
    some("--molecules", type=float, default=_DEFAULTS["molecules"], help="expected mRNA per cell")
    add("--seed", type=int, default=_DEFAULTS["seed"], help="seed of the start")
    some("--max-passes", type=int, help="passes over the cells; the model's own by default")
    add("--max-seconds", type=float, help="time budget of the fit")
    some("--tolerance", type=float, help="nats per cell; the model's own by default")
    some("--precision", choices=get_args(Precision), default=_DEFAULTS["precision"])
    add(
        "--inference",
        choices=(*get_args(LNMInference), *get_args(Inference)[:1]),
        help="laplace (the default), vae or, for small data, nuts of lnm and lnmvcp; em (the "
        "default) or vae of lda",
    )
    some("--topic-prior", type=float, help="of lda: alpha (1 / topics by default)")
    some("--feature-prior", type=float, help="of lda: eta (1 / topics by default)")
    some(
        "--max-epochs",
        type=int,
        help="of vae: times that every cell is drawn; by default by their number",
    )
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="any other setting")
    for name, default, words in (
        ("warmup", _DEFAULTS["n_warmup"], "iterations that adapt each chain"),
        ("draws", _DEFAULTS["n_draws"], "draws kept of each chain"),
        ("chains", _DEFAULTS["n_chains"], "number of chains"),
    ):
        some(f"--{name}", type=int, dest=f"n_{name}", default=default, help=f"of nuts: {words}")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="python -m engine", description="Log-ratio models of single-cell counts."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    with_defaults: dict[str, Any] = {"formatter_class": argparse.ArgumentDefaultsHelpFormatter}
    fit_parser = commands.add_parser("fit", help="fit a model to counts", **with_defaults)
    fit_parser.set_defaults(command=fit.fit)
    _settings_of_a_fit(fit_parser)
    add = fit_parser.add_argument
    add("--out", type=Path, required=True, metavar="FIT.h5ad", help="where to save the fit")
    some = partial(add, action=Noted)
    for name, default, what in (
        ("--factors", _DEFAULTS["n_factors"], "number of gene programmes"),
        ("--topics", _DEFAULTS["n_topics"], "of lda: number of topics"),
    ):
        words = f"{what}; auto chooses it from the counts"
        some(name, type=_size, default=default, metavar="N", help=words)
    add("--holdout", type=float, default=0.0, help="share of the cells to score the fit on")
    add("--json", action="store_true", help="end with one line of JSON on stdout")

    sweep_parser = commands.add_parser(
        "sweep", help="compare numbers of topics or factors", **with_defaults
    )
    sweep_parser.set_defaults(command=sweep.sweep)
    _settings_of_a_fit(sweep_parser)
    add = sweep_parser.add_argument
    add("--values", required=True, metavar="5,10,20", help="numbers of topics or factors to try")
    add("--seeds", type=int, default=1, help="how many seeds, from --seed on, for each number")
    add("--holdout", type=float, default=0.1, help="share of the cells to score the fits on")
    add("--out", type=Path, metavar="TABLE.csv", help="where to save the table")
    add("--json", action="store_true", help="end with one line of JSON on stdout")

    score_parser = commands.add_parser(
        "score", help="score a fit on held-out cells", **with_defaults
    )
    score_parser.set_defaults(command=score.score)
    add = score_parser.add_argument
    add("fit", type=Path, metavar="FIT.h5ad", help="a saved fit")
    add("data", metavar="HELDOUT", help="cells that it has not seen: as DATA of fit")
    counts.options(score_parser)
    add("--seed", type=int, default=0, help="seed of the split of the counts")
    add("--json", action="store_true", help="end with one line of JSON on stdout")

    check_parser = commands.add_parser(
        "check", help="compare counts with a fit's draws", **with_defaults
    )
    check.options(check_parser)

    uncertainty_parser = commands.add_parser(
        "uncertainty", help="how far correlations or topics can be believed", **with_defaults
    )
    uncertainty.options(uncertainty_parser)
    report_parser = commands.add_parser("report", help="write the report of a fit", **with_defaults)
    report.options(report_parser)

    info_parser = commands.add_parser(
        "info", help="tell what a source holds and offers", **with_defaults
    )
    info.options(info_parser)

    simulate_parser = commands.add_parser(
        "simulate", help="draw counts of known truth", **with_defaults
    )
    simulate_parser.set_defaults(command=simulate.simulate)
    add = simulate_parser.add_argument
    add("--out", type=Path, required=True, metavar="SIM.h5ad", help="where to save the counts")
    add("--model", choices=tuple(MODELS), default=next(iter(MODELS)))
    add("--cells", type=int, default=5000)
    add("--genes", type=int, default=2000)
    add("--factors", type=int, default=5)
    add("--seed", type=int, default=0)
    for command in commands.choices.values():
        command.add_argument("--traceback", action="store_true", help="show where an error arose")
    return parser
