"""Tables fitted to a teacher: the stages that `distill` and `fit` share. Needs the extra `distill`."""
