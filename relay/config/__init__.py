"""Settings and TOML at the edge: files and environment in, frozen values or a list of problems out. Nothing else."""
