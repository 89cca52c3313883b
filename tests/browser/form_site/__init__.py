"""A project whose model has files that arrive by resumable uploads, and pages with its form in all variants."""
