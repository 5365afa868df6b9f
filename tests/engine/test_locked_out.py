"""A table that somebody has locked wholly cannot even be looked at: that is waited for, and told as waiting."""

from __future__ import annotations

import psycopg
import pytest

from orchestrator.core.errors import Waiting
from state.model import State
from tests.service.world import World


def test_a_table_locked_by_somebody_else_is_exit_3_and_says_whom_to_look_for(world: World) -> None:
    world.submit("rename_column: {table: orders, column: status, to: stage}")
    world.to(State.EXPANDED)
    with psycopg.connect(world.url) as holder:
        holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Waiting, match="lock timeout") as waiting:
            world.step()
        assert waiting.value.exit_code == 3
        assert "3 in orch tui" in waiting.value.next_step
        holder.rollback()
    assert world.to(State.COMPLETED).state is State.COMPLETED
