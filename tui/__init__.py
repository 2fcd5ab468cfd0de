"""The screens. They see the desk and its views, and nothing else of the house."""
