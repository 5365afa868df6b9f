"""Every finding of ``orch doctor``, brought about on a real server and repaired by the command it gives."""
