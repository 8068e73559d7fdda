"""The Data tab: the counts that were read, and the number of factors chosen from them."""

PLACE = 1
