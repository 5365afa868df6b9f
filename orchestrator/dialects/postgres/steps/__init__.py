"""One file per kind of Step: how it is sent and how it is recognised, exported as ``plugin``.

Why it exists: a new primitive Step must not edit a table that every other one edits, too. The file bears the name of the
Step's ``kind``; names with a leading underscore hold what several kinds share.
"""
