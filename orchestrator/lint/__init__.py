"""One file per lint rule; its docstring is its documentation page.

Why it exists: migrations that teams have already are judged before they run. A rule is a file here that ends with
``plugin = Rule(…)``; files whose name begins with an underscore are what rules share.
"""
