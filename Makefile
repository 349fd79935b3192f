# OptiEngine's commands. `make demo` and `make test` are all that a fresh machine needs.
PYTHON ?= python3
PY := .venv/bin/python
ARGS ?=
# All test processes load the same modules, so compiled modules are written even where the
# environment (some containers) turns that off.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo serve test quick lint lint-style lint-js lint-types lint-django hooks docs bench messages clean

demo: .venv/run
	$(PY) manage.py demo $(ARGS)

serve: .venv/run
	$(PY) manage.py serve $(ARGS)

# Runs on all processors, with a database for each; ARGS="-n 0" uses one process, e.g. to debug.
TEST = $(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder

# The full run also fails if coverage drops below the floor in pyproject.toml.
test: .venv/dev
	$(TEST) $(or $(ARGS),--cov --cov-report=)

# A quick subset of at most two minutes, for the inner loop.
quick: .venv/dev
	$(TEST) -m "not slow and not long and not browser" --durations=5 --durations-min=3 $(ARGS)

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

# Node.js only checks the JavaScript of the admin; it is not needed to run OptiEngine.
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

# Installs Git hooks: the same checks before each commit and push, and the form of subjects.
hooks: .venv/dev
	.venv/bin/pre-commit install

# Comparison with other libraries, which are installed in a separate environment.
bench: .venv-bench/bench
	.venv-bench/bin/python manage.py bench $(ARGS)

# Needed only after changing a text; requires GNU gettext. The compiled catalogues are committed.
# Translate what is new or "fuzzy" in the .po by hand, then run this again.
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
