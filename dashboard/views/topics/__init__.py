"""The Topics tab: what the topics or factors of a run are made of, and which cells they are in."""

from dashboard.views.topics.view import TopicsView

__all__ = ["TopicsView"]
