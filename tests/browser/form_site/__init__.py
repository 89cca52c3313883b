"""A project with a form: a model whose files arrive by resumable uploads, and pages with that form in all its variants."""
