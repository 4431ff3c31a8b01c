"""How fast, beside the limit measured in the same run: `python -m tests.benchmarks` prints it as a table.

Nothing here asserts a time: machines differ and are busy. What is asserted, also in the test suite at a small scale, is
that the data that was measured is right.
"""
