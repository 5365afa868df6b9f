"""A PostgreSQL of our own for demo, rehearsal and tests: no container, no installation, nothing left behind.

Why it exists: "try it" must not begin with "first get a database". The binaries come from a wheel; we start them
ourselves, because the wheel's own launcher changes the modes of parent directories and outlives killed users.

A server lives in a *directory*: ``data/`` (the cluster), ``server.json`` (where its socket is) and lock files. Every
process using it holds a shared lock on ``users.lock``; when the last one goes, by whatever death, the server is stopped
(see ``watchdog``).

Access: no TCP, only a socket in a short directory of mode 0700 that belongs to the server's account. Whoever can reach
the socket is that account or root and could read the data files anyway, so ``trust`` gives nothing away, and any role
can be had without a password, which approvals by several people need. TCP, if a setting opens it, asks for a password.

PostgreSQL refuses to run as root. Root therefore starts it as the system user ``orch-postgres``, made when missing.
"""

from orchestrator.embedded.cluster import Mode, Server
from orchestrator.embedded.host import binaries
from orchestrator.embedded.server import attach, create_database, drop_database, restart, running, stop

__all__ = [
    "Mode",
    "Server",
    "attach",
    "binaries",
    "create_database",
    "drop_database",
    "restart",
    "running",
    "stop",
]
