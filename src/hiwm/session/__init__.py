"""Sessions: the tree of one piece of work in one scene, durable in one file, and who holds the controls."""
