"""The operator's command `alternate-contacts`.

Layers from the top: ``main``, the verbs (one package each), ``aws``, ``terminal``. An import contract in
pyproject.toml enforces them.
"""
