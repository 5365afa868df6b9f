"""Kill, freeze, cut off and fail over whatever takes part in a change, and see that nothing is lost."""
