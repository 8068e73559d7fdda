"""Drivers: they run the models over the counts and yield progress."""

from engine.fitting.progress import Progress
from engine.inference.dispatch import fit_iter
from engine.lda.proportions import elbo, feature_by_topic, perplexity, topic_proportions
from engine.lnm.transform import transform

__all__ = [
    "Progress",
    "elbo",
    "feature_by_topic",
    "fit_iter",
    "perplexity",
    "topic_proportions",
    "transform",
]
