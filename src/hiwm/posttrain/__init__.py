"""Training of policies: from a dataset, and further on a mixture of a dataset and corrections."""
