"""The logistic-normal multinomial, without (LNM) and with (LNMVCP) variable capture."""
