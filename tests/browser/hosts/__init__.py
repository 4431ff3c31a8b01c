"""Notebook pages beyond Jupyter's own: marimo as it is, and pages that imitate VS Code and Colab.

``imitated`` has the pages that stand in for programs that cannot run here. Their kernels are real, on a real server,
and so is VS Code's widget manager, from its own package; what is imitated is the page around it: frames within frames
of another origin, reached by ``postMessage`` alone. ``pages`` brings them to the browser.
"""
