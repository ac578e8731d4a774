"""What each rung of the ladder adds, and whether all of them together add as much."""
