"""The verbs of the command line: arguments, options, exit codes, and what is printed.

Each file is a verb or a few that belong together; it must not know how anything is done.
"""
