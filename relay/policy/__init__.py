"""Policies: what a file in policies/ says, which stream a message belongs to, and what consent then allows.

Pure but for `files`, which reads the folder. Nothing here knows SMTP, the store or the clock: facts and time are
arguments.
"""
