# OptiEngine's commands. `make demo` and `make test` are all that a fresh machine needs.
PYTHON ?= python3
PY := .venv/bin/python
ARGS ?=
# Every worker of the tests, and every process that one starts, loads the same modules: the compiled
# ones are kept, although some containers say otherwise.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo serve test quick lint lint-style lint-js lint-types lint-django hooks docs bench messages clean

demo: .venv/run
	$(PY) manage.py demo $(ARGS)

serve: .venv/run
	$(PY) manage.py serve $(ARGS)

# On all processors, a database for each; ARGS="-n 0" is one process, e.g. for a debugger.
TEST = $(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder

# All of them also hold the share of the code that they run (pyproject.toml says how much).
test: .venv/dev
	$(TEST) $(or $(ARGS),--cov --cov-report=)

# What takes a minute or two: for the time between two changes.
quick: .venv/dev
	$(TEST) -m "not slow and not browser" --durations=5 --durations-min=3 $(ARGS)

lint: lint-style lint-types lint-django

lint-style: .venv/dev lint-js
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/djlint --lint --quiet .

lint-types: .venv/dev
	$(PY) -m mypy .

lint-django: .venv/dev
	$(PY) manage.py makemigrations --check --dry-run
	DEBUG=false SECRET_KEY=$$($(PY) -c "import secrets; print(secrets.token_urlsafe(50))") \
	SUPPRESSION_KEY=$$($(PY) -c "import secrets; print(secrets.token_urlsafe(50))") \
	ALLOWED_HOSTS=example.com $(PY) manage.py check --deploy --fail-level WARNING

# Node.js checks the JavaScript of the admin; nothing of it is needed to run OptiEngine.
lint-js:
	@if command -v npm >/dev/null; \
	then $(MAKE) -s node_modules/.package-lock.json && node_modules/.bin/biome ci --error-on-warnings; \
	else echo "JavaScript is not checked: npm is missing."; fi

node_modules/.package-lock.json: package-lock.json
	npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

# The pages of /docs/ as files in build/docs; needs no database.
docs: .venv/run
	DATABASE_URL=postgresql:///none $(PY) manage.py build_docs $(ARGS)

# The same checks before each commit and push, and the form of the commit's subject.
hooks: .venv/dev
	.venv/bin/pre-commit install

# Beside other libraries, in an environment of their own.
bench: .venv-bench/bench
	.venv-bench/bin/python manage.py bench $(ARGS)

# Only for who changes a text: needs GNU gettext. The compiled catalogues are committed, so
# nobody else does. What is new or "fuzzy" in the .po is translated by hand, then once more.
messages: .venv/run
	$(PY) manage.py makemessages --all --no-obsolete --add-location=file \
	    --ignore=.venv --ignore=var --ignore=tests --ignore=node_modules
	$(PY) manage.py compilemessages --ignore=.venv --ignore=var

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-compile -r requirements.txt
	@touch $@

.venv/dev: .venv/run requirements-dev.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-dev.txt
	@touch $@

.venv-bench/bench: requirements.txt requirements-bench.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
	    -r requirements-bench.txt
	@touch $@

clean:
	rm -rf .venv .venv-bench node_modules var build .mypy_cache .ruff_cache .pytest_cache
