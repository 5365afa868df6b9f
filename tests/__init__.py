"""Tests; everything that touches SQL runs on a real PostgreSQL."""
