"""A look into a model: where its heads attend, what its vectors hold, how sure it is, what each part is worth."""
