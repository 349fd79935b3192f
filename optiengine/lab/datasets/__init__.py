"""Public data sets, brought in through the same imports that any installation uses."""
