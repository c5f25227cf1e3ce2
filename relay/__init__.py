"""consent-relay: mail passes only to people who asked for it."""

from importlib.metadata import version

__version__ = version("consent-relay")
