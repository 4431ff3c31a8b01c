"""Tensor datasets from anybody's cloud, signed in once and looked at in the notebook."""
