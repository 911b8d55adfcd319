"""The contracts of sources as a whole: the language of their texts, and how they differ from what they sent before."""
