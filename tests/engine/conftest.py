"""The shared fixtures of tests that take a change through its phases."""

from tests.service.world import copies, template, world

__all__ = ["copies", "template", "world"]
