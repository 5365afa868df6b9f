"""A target that keeps statistics of statements."""

from tests.proof.conftest import counted, counting

__all__ = ["counted", "counting"]
