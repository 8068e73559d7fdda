"""The Check tab: does the model make counts like those it was given?"""

PLACE = 5
