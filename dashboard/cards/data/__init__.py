"""The Data tab: the counts that were read, and how many factors they ask for."""

PLACE = 1
