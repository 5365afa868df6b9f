"""Changes in the files of other migration tools leave what orch leaves, and lead back."""
