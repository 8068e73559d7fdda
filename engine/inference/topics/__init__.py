"""Inference for topics: accelerated EM, and an autoencoder."""

from engine.inference.topics.cells import elbo, feature_by_topic, perplexity, topic_proportions
from engine.inference.topics.driver import fit_topics

__all__ = ["elbo", "feature_by_topic", "fit_topics", "perplexity", "topic_proportions"]
