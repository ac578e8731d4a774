"""What commands other than report print: plan, compare, doctor, calibrate, floor, progress."""
