"""Drivers: they run the models over the counts and yield progress."""

from engine.inference.fitting import fit_iter
from engine.inference.progress import Progress
from engine.inference.topics import elbo, feature_by_topic, perplexity, topic_proportions
from engine.inference.transform import transform

__all__ = [
    "Progress",
    "elbo",
    "feature_by_topic",
    "fit_iter",
    "perplexity",
    "topic_proportions",
    "transform",
]
