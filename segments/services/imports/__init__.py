"""The parts of an import, in the order a file meets them: format, rows, staging, check, merge."""
