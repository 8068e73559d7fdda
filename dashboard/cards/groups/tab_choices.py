"""Choices of the Groups tab: which covariate, which groups, and whose cells they are."""

from __future__ import annotations

import param

# What stands for a group that no level is.
REST, SELECTED = "the rest", "selected cells"
NOBODY = "cells"


class GroupChoices(param.Parameterized):
    """Choices that the cards of the Groups tab share."""

    column = param.String(default="", doc="Label of the covariate; empty: the first.")
    label = param.String(default="", doc="Column of the groups; empty: the first.")
    one = param.String(default="", doc="Level that is group A.")
    other = param.String(default=REST, doc="Level that is group B, or `REST`.")
    donor = param.String(default=NOBODY, doc="Column of donors, or `NOBODY`.")
    external = param.Boolean(default=False, doc="Whether the label is not from these counts.")
    asked = param.Parameter(default=None, doc="The comparison that was asked for.")
