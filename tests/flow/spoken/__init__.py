"""Spoken forms: what people say for dates, times, money, numbers and letters."""
