"""`python -m relay` is the command `consent-relay`."""

from relay.cli import main

raise SystemExit(main())
