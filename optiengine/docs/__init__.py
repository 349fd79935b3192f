"""The documentation: Markdown in docs/, shown at /docs/ and written as files by `build_docs`."""
