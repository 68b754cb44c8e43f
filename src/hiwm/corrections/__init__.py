"""From the tree of a session to a training set: what is good enough, as which episodes, with where it came from."""
