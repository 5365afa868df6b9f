"""Scripts of other people: split into statements whatever is in them, and said in classes of our own.

Why it exists: rules and formats judge what a statement does, and must not know the parser's tree.
"""
