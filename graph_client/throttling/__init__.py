"""Keeping to Graph's budgets."""
