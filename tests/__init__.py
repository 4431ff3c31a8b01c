"""Tests of deeplake_nb; `pytest` runs them all."""
