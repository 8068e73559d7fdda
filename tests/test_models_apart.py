"""Outside its own folder and the registry nobody asks which model a fit or configuration is of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Where models are told apart: their folders, and the registry.
APART = ("engine/lnm/", "engine/lda/", "engine/registry.py")
CLASSES = {"Fit", "TopicFit", "LNMConfig", "LDAConfig"}
KINDS = CLASSES | {
    "AnyFit",
    "Config",
    "FitBase",
    "FittedModel",
    "ModelConfig",
    "Training",
    "Family",
}
MODELS = {"lnm", "lnmvcp", "lda"}
SIZES = {"n_factors", "n_topics"}
LATENTS = {"factor", "factors", "topic", "topics"}
# What may hold the name of a latent, beside the page's tabs, heatmaps and messages.
OF_LATENTS = {"latent", "latents", "kind", "parameter"}
HELD = {"fit", "_fit", "config", "_config", "start", "of", "one", "other", "found", "state"}


def told_apart(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Lines of a module that ask which model something is of, and how."""
    annotations = {id(part) for one in _annotations(tree) for part in ast.walk(one)}
    for node in ast.walk(tree):
        if id(node) in annotations:
            continue
        match node:
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, of]):
                if KINDS & set(_names(of)):
                    yield node.lineno, "isinstance"
            case ast.Call(func=ast.Name(id="hasattr" | "getattr" as how), args=[of, *rest]):
                if HELD & set(_names(of)[-1:]) and (how == "hasattr" or len(rest) > 1):
                    yield node.lineno, how
            case ast.Compare():
                if words := _compared(node):
                    yield node.lineno, words
            case ast.MatchClass(cls=of) if KINDS & set(_names(of)):
                yield of.lineno, "match of a class"
            case ast.MatchValue(value=ast.Constant(value=str() as text)) if text in MODELS:
                yield node.lineno, "match of a model's name"
            case ast.Dict(keys=keys) if any(_texts(key) & MODELS for key in keys if key):
                yield node.lineno, "table by the names of models"
            case ast.Subscript(slice=ast.Constant(value=str() as text)) if text in MODELS:
                yield node.lineno, "a model by its name"
            case ast.Name(id="singledispatch") | ast.Attribute(attr="singledispatch"):
                yield node.lineno, "singledispatch"
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in CLASSES:
                yield node.lineno, f"{name}, which is more than an annotation"


def _compared(node: ast.Compare) -> str:
    sides = [node.left, *node.comparators]
    texts = set().union(*map(_texts, sides))
    names = {name for side in sides for name in _names(side)[-1:]}
    if texts & (MODELS | SIZES) or (texts & LATENTS and names & OF_LATENTS):
        return "comparison with the name of a model"
    for side in sides:
        match side:
            case ast.Call(func=ast.Name(id="type"), args=[of]) if HELD & set(_names(of)[-1:]):
                return "comparison of a type"
            case ast.Attribute(attr="model", value=of) if HELD & set(_names(of)[-1:]):
                return "comparison of a model's name"
    return ""


def _annotations(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.arg(annotation=ast.expr() as one) | ast.AnnAssign(annotation=one):
                yield one
            case ast.FunctionDef(returns=ast.expr() as one):
                yield one


def _names(node: ast.AST) -> list[str]:
    """The names in an expression, as they are written; of an attribute its last one too."""
    found = []
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            found.insert(0, part.id)
        elif isinstance(part, ast.Attribute):
            found.append(part.attr)
    return found


def _texts(node: ast.AST) -> set[str]:
    """The texts that an expression is, or is a tuple, list or set of."""
    match node:
        case ast.Constant(value=str() as text):
            return {text}
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return set().union(*map(_texts, parts))
    return set()


@pytest.mark.slow
def test_models_are_told_apart_in_their_own_folders_alone() -> None:
    files = [ROOT / "app.py", *(ROOT / "engine").rglob("*.py"), *(ROOT / "dashboard").rglob("*.py")]
    assert len(files) > 300
    found = []
    for path in sorted(files):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(APART):
            tree = ast.parse(path.read_text("utf-8"))
            found += [f"{name}:{line}: {how}" for line, how in told_apart(tree)]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "isinstance(fit, Fit)",
        "isinstance(self.fit, engine.TopicFit)",
        "isinstance(config, LNMConfig | LDAConfig)",
        "isinstance(start, (Fit, TopicFit))",
        "type(fit) is known",
        "fit.model == 'lda'",
        "model in ('lnm', 'lnmvcp')",
        "fit.latent != 'topic'",
        "'n_topics' in values",
        "config.model in fitting",
        "self.state.model != default",
        "hasattr(fit, 'topics')",
        "getattr(state.fit, 'capture', None)",
        "words = {'lda': 1, 'lnm': 2}",
        "words['lda']",
        "LNMConfig(n_factors=3)",
        "known = (Fit, TopicFit)",
        "match fit:\n    case TopicFit():\n        pass",
        "match fit.model:\n    case 'lda':\n        pass",
        "@functools.singledispatch\ndef say(fit): ...",
    ],
)
def test_ways_to_ask_for_a_model_are_found(source: str) -> None:
    assert list(told_apart(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "def say(fit: Fit, config: LNMConfig | None) -> TopicFit: ...",
        "from engine.results import Fit",
        "cast('Fit', fit).loadings",
        "fit.can('mixtures')",
        "state.heat == 'factor'",
        "getattr(config, name)",
        "isinstance(value, int)",
    ],
)
def test_what_asks_for_no_model_is_left_alone(source: str) -> None:
    assert not list(told_apart(ast.parse(source)))
