"""`python -m tests.benchmarks [--quick] [SECTION ...]`: the table of measurements, as markdown."""

from __future__ import annotations

import argparse

from tests import machine


def main() -> None:
    """Measure and print, a section at a time."""
    machine.isolate()
    # in an environment that is nobody's
    from tests.benchmarks import (
        arrays,
        deeplakes,
        gallery,
        hub,
        names,
        pictures,
        start,
        storage,
        vectorstore,
    )
    from tests.benchmarks.measure import FULL, QUICK, machine_line, markdown

    sections = {"arrays": arrays, "pictures": pictures, "start": start, "storage": storage}
    sections |= {"gallery": gallery, "names": names, "hub": hub, "deeplakes": deeplakes, "vectorstore": vectorstore}
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("section", nargs="*", help=f"of {', '.join(sections)}; all by default")
    parser.add_argument("--quick", action="store_true", help="little data, once: to see that it runs")
    given = parser.parse_args()
    scale = QUICK if given.quick else FULL
    chosen = [sections[name] for name in given.section or sections]
    lines = [line for section in chosen for line in section.lines(scale)]
    notes = [section.notes() for section in chosen if hasattr(section, "notes")]
    print("\n\n".join([machine_line(), markdown(lines), *notes]))  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
