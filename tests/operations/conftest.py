"""The shared fixtures of tests that take a change through its phases."""

from tests.service.world import copies, elsewhere, template, world

__all__ = ["copies", "elsewhere", "template", "world"]
