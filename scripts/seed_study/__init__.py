"""The 2021 write-up answered point by point, with every number taken from records of runs on one machine."""
