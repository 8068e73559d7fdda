"""What the commands of ``python -m engine`` do."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import signal
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from engine import cli_counts
from engine.cli_options import check_given, chosen
from engine.config import Config, LDAConfig, LNMConfig, config_from_dict
from engine.errors import ConfigError, FitError
from engine.files.writing import add_data, write_portable
from engine.inference.progress import Progress
from engine.jobs.failures import describe
from engine.jobs.job import peak_memory_mb
from engine.jobs.looking import look
from engine.results import AnyFit, selection_of, stopped_by_user

if TYPE_CHECKING:
    from engine.checks import Score
    from engine.data import DataRequest


def fit(options: argparse.Namespace) -> None:
    """Fit a model to counts and save it."""
    config = configuration(options)
    gene_choice(options.genes)
    out = writable(options.out, source=options.data)

    # After the settings are known to be good: JAX and scanpy take seconds to import.
    import engine
    from engine import checks

    asked = request(options)
    counts = asked.load()
    for line in counts.report.lines():
        print(line, file=sys.stderr)
    held_out = None
    if options.holdout:
        counts, held_out = checks.set_aside(counts, options.holdout, options.seed)
    with first_ctrl_c_stops() as stopping:
        result = _run(engine.fit_iter(counts, config), stopping)
        told = {"request": asked.to_dict(), "holdout": options.holdout}
        result = replace(result, data=result.data | told)
        result.save(out, counts=counts.matrix())
        try:
            result = look(result, counts, lambda: bool(stopping))
            add_data(out, result.data)
        except Exception as error:
            # The fit is as good without, and saved.
            print(f"Not looked for what the factors miss: {describe(error)}", file=sys.stderr)
    status = result.status
    if (chosen := selection_of(result)) is not None:
        print(chosen.reason, file=sys.stderr)
    print(f"{status.state} after {status.passes} passes: {status.reason}", file=sys.stderr)
    for words in (checks.structure_words(result), engine.summaries.bound_words(result)):
        if words:
            print(f"Warning: {words}", file=sys.stderr)
    print(f"Saved {out}", file=sys.stderr)
    summary = _summary(result, out)
    if held_out is not None:
        scored = checks.score(result, held_out, seed=options.seed)
        print(_told(scored), file=sys.stderr)
        summary["score"] = scored.to_dict()
        add_data(out, {"score": scored.to_dict()})
    if options.json:
        print(json.dumps(summary))


def score(options: argparse.Namespace) -> None:
    """Score a saved fit on cells that it has not seen."""
    from engine import checks
    from engine.results import load

    fit = load(options.fit)
    scored = checks.score(fit, cli_counts.read_as(fit, options), seed=options.seed)
    print(_told(scored), file=sys.stderr)
    if options.json:
        print(json.dumps(scored.to_dict()))


def _told(scored: Score) -> str:
    marginal = scored.log_marginal_per_cell
    words = f"{scored.model}: perplexity {scored.perplexity:.2f} by document completion on "
    words += f"{scored.n_cells:,} cells"
    if scored.n_left_out:
        words += f" ({scored.n_left_out:,} with too few counts left out)"
    if marginal is None:
        return words
    # An encoder without refinement gives a lower bound only.
    return f"{words}; log marginal {'≥ ' if scored.is_bound else ''}{marginal:.2f} nats per cell"


def configuration(options: argparse.Namespace) -> Config:
    """The settings of a fit; ConfigError if they cannot be used."""
    given = {"seed": options.seed, "max_seconds": options.max_seconds}
    if options.max_passes is not None:
        given["max_passes"] = options.max_passes
    if options.tolerance is not None:
        given["tolerance"] = options.tolerance
    if options.max_epochs is not None:
        given["max_epochs"] = options.max_epochs
    if options.inference is not None:
        given["inference"] = options.inference
    config: Config
    if options.model == "lda":
        config = LDAConfig(
            n_topics=options.topics,
            topic_prior=options.topic_prior,
            feature_prior=options.feature_prior,
            **given,
        )
    else:
        config = LNMConfig(
            capture=options.model == "lnmvcp",
            n_factors=options.factors,
            d_mode=options.d_mode,
            capture_prior=options.capture_prior,
            molecules=options.molecules,
            precision=options.precision,
            n_warmup=options.n_warmup,
            n_draws=options.n_draws,
            n_chains=options.n_chains,
            **given,
        )
    config = config_from_dict(config.to_dict() | dict(map(_setting, options.set)))
    check_given(getattr(options, "given", ()), config)
    return config


def _setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE; a value that is no JSON is text."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def request(options: argparse.Namespace) -> DataRequest:
    """The counts that a fit is of; ConfigError if the choice of genes cannot be used."""
    from engine.data import DataRequest

    genes: Any = gene_choice(options.genes)
    return DataRequest(
        options.data,
        options.layer,
        genes,
        options.reference,
        options.library_size,
        options.gene_names,
        **chosen(options),
    )


def _run(steps: Iterator[Progress[AnyFit]], stopping: Sequence[int]) -> AnyFit:
    last = None
    form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
    with tqdm(total=1.0, file=sys.stderr, bar_format=form) as bar:
        for progress in steps:
            last = progress if progress.snapshot is not None else last
            bar.set_description_str(progress.phase, refresh=False)
            if math.isfinite(progress.log_marginal_per_cell):
                bar.set_postfix_str(
                    f"pass {progress.status.passes}, "
                    f"{progress.log_marginal_per_cell:.3f} nats per cell",
                    refresh=False,
                )
            bar.update(max(progress.fraction - bar.n, 0.0))
            if stopping:
                break
    if last is None or last.snapshot is None:
        if stopping:
            raise KeyboardInterrupt
        raise FitError("a fit", "none after the last pass", "Try other settings.")
    fit = last.snapshot()
    if fit.status.state == "running":
        status = stopped_by_user(fit.status)
        fit = replace(fit, status=status)
    return fit


@contextlib.contextmanager
def first_ctrl_c_stops(
    told: bytes = b"Stopping after this pass. Ctrl-C again to quit without saving.",
) -> Iterator[list[int]]:
    """The list that is yielded is empty until Ctrl-C; a second one interrupts as usual."""
    stopping: list[int] = []

    def note(number: int, frame: object) -> None:
        stopping.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # Not print: a signal may come while the progress bar is being printed.
        os.write(2, b"\n" + told + b"\n")

    before = signal.signal(signal.SIGINT, note)
    try:
        yield stopping
    finally:
        signal.signal(signal.SIGINT, before)


def _summary(fit: AnyFit, out: Path) -> dict[str, Any]:
    status = fit.status
    judged = getattr(fit, "diagnostics", {})
    return ({"diagnostics": judged} if judged else {}) | {
        "seconds": round(status.seconds, 3),
        "seconds_without_compilation": round(status.seconds - status.seconds_compiling, 3),
        "passes": status.passes,
        "log_marginal_per_cell": fit.log_marginal_per_cell,
        "status": status.state,
        "reason": status.reason,
        "n_failed_cells": status.n_failed_cells,
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "model": fit.model,
        "factors": fit.n_factors,
        "cells": len(fit.cells),
        "genes": len(fit.genes),
        "out": str(out),
    }


def simulate(options: argparse.Namespace) -> None:
    """Draw counts and save them with their truth."""
    out = writable(options.out)

    from engine.data import simulate as draw

    data = draw(
        options.model,
        cells=options.cells,
        genes=options.genes,
        factors=options.factors,
        seed=options.seed,
    )
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex}.part")
    try:
        write_portable(data, temporary, "gzip")
        os.replace(temporary, out)
    finally:
        temporary.unlink(missing_ok=True)
    print(f"Saved {out}: {data.n_obs:,} cells × {data.n_vars:,} genes", file=sys.stderr)


def gene_choice(text: str) -> int | str | tuple[str, ...]:
    """A number, "all", or names from a file or a list with commas; ConfigError for others."""
    if text == "all":
        return text
    if text.isdecimal():
        return int(text)
    path = Path(text)
    if path.is_file():
        from engine.spreadsheet import unguarded

        try:
            names = path.read_text(encoding="utf-8").splitlines()
            if path.suffix in (".csv", ".tsv"):
                names = [unguarded(name) for name in names]
        except (OSError, ValueError) as error:
            raise ConfigError("a text file of gene names", str(error), "Check the file.") from error
    elif len(path.parts) > 1 or path.suffix in (".txt", ".csv", ".tsv"):
        raise ConfigError("a file of gene names", f"no file {text}", "Check the path.")
    else:
        names = text.split(",")
    found = tuple(name.strip() for name in names if name.strip())
    if not found:
        raise ConfigError("gene names", f"none in {text!r}", "Give a number, 'all' or names.")
    return found


def writable(out: Path, source: str | None = None) -> Path:
    """Refuse early what cannot be saved in the end; ConfigError then."""
    if source is not None and out.resolve() == Path(source).resolve():
        raise ConfigError("--out beside the data", "the data file itself", "Choose another --out.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        usable = os.access(out.parent, os.W_OK) and not out.is_dir()
    except OSError:
        usable = False
    if not usable:
        raise ConfigError("--out in a folder you may write to", str(out), "Choose another --out.")
    return out
