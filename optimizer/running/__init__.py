"""What surrounds a run that nobody watches: the lock, the solver's own process, the manifest, the publishing."""
