"""An app of a host project, with models whose files arrive by resumable uploads."""
