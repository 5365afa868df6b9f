"""One file per migration tool: import and export.

Why it exists: a file alone does not say what shares a transaction, nor what is a release and what its undoing; the tool does.
A format is a file here that ends with ``plugin = Format(…)``; files whose name begins with an underscore are what formats share.
"""
