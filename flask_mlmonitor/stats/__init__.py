"""Pure arithmetic on counts, from a value's cell to a verdict on a window.

Each room builds on those before it: :mod:`cells`, then :mod:`drift` and :mod:`measures`, then
:mod:`baselines`, :mod:`performance` and :mod:`verdicts`.
"""
