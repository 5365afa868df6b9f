"""``orch rehearse``: a whole change on a copy, under load, before production pays for it."""
