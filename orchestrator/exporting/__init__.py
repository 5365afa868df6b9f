"""A Plan in the files of a team's own migration tool: one file per tool, each the ``plugin`` that writes them."""
