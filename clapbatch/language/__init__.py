"""Asking in words: free text -> attributes, and the wordings of one meaning.

No language model and no network: gazetteers in `data/`, patterns for numbers, and rules for what
a negation reaches.
"""
